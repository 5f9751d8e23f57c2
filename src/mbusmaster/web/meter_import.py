"""Taking a CSV file into the meter list or the expected meters: at once where all lines are good, else after a question."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusio.meterfile import MAX_SIZE
from mbusmaster.meterlist import ImportReport, Problem
from mbusmaster.web.actions.meters import record_import
from mbusmaster.web.meter_texts import column_text
from mbusmaster.web.phrases import phrase
from mbusmaster.web.services import Services
from mbusmaster.web.waiting_upload import Upload, WaitingUploads
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to, page
from mbusweb.visitor import visitor

LARGEST_BODY: Final = MAX_SIZE + (1 << 16)
"""Of a form with a file."""
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Target:
    """A list that takes files.

    :ivar path: of the page to come back to.
    :ivar upload: where the form with the file goes; `good` where the answer to the question goes.
    :ivar name: for the audit log.
    :ivar replaces: whether the file takes the place of what the list has.
    :ivar take: takes a file, of one with bad lines the good ones only if the second argument says so.
    """

    path: str
    upload: str
    name: str
    replaces: bool
    take: Callable[[Upload, bool], ImportReport]

    @property
    def good(self) -> str:
        """Where the answer to the question goes."""
        return f"{self.upload}/good"


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """What is wrong with a line, in the visitor's language; an empty line number is the file as a whole."""

    line: str
    column: str
    text: str


def buses_of(services: Services) -> tuple[str, ...]:
    """Give the buses that meters may be on; the first is that of meters whose line names none."""
    return services.scanner.buses or tuple(bus.name for bus in services.settings.running.buses) or ("main",)


def add_import(routes: APIRouter, services: Services, target: Target) -> None:
    """Add the routes that take a file for a list."""
    waiting = WaitingUploads(time.monotonic)

    @routes.post(target.upload)
    async def upload(request: Request, who: Asking) -> Response:
        given = await _uploaded(request, services)
        if given is None:
            flash(request, "error", _("Choose a file first."))
            return go_to(request, target.path)
        report = target.take(given, False)
        if report.taken:
            return _taken(request, services, target, given, report)
        record_import(services, who, target.name, given.name, report)
        key = waiting.keep(who.csrf, given) if report.added + report.updated + report.unchanged else ""
        return _question(request, target, key, report)

    @routes.post(target.good)
    async def good(request: Request, who: Asking) -> Response:
        given = waiting.take(who.csrf, (await form_values(request)).get("key", ""))
        if given is None:
            flash(request, "error", _("The file was sent too long ago. Choose it again."))
            return go_to(request, target.path)
        return _taken(request, services, target, given, target.take(given, True))


async def _uploaded(request: Request, services: Services) -> Upload | None:
    async with request.form() as form:
        file, bus = form.get("file"), str(form.get("bus", ""))
        if not isinstance(file, UploadFile) or not file.filename:
            return None
        # One byte more than may be, so that a file that is too long shows.
        data = await file.read(MAX_SIZE + 1)
    buses = buses_of(services)
    return Upload(file.filename[:_LONGEST_NAME], data, bus if bus in buses else buses[0])


def _taken(
    request: Request, services: Services, target: Target, given: Upload, report: ImportReport
) -> Response:
    record_import(services, visitor(request), target.name, given.name, report)
    values = {"added": report.added, "updated": report.updated, "unchanged": report.unchanged}
    if target.replaces:
        text = ngettext(
            "The list has %(added)d expected meter now.",
            "The list has %(added)d expected meters now.",
            report.added,
        )
    else:
        text = _("Imported: %(added)d meters added, %(updated)d updated, %(unchanged)d unchanged.")
    flash(request, "success", text % values)
    for warning in report.warnings[:2]:
        flash(request, "warning", phrase(warning))
    return go_to(request, target.path)


def _question(request: Request, target: Target, key: str, report: ImportReport) -> Response:
    return page(
        request,
        "meter_import.html",
        status=422,
        target=target,
        key=key,
        report=report,
        good=report.added + report.updated + report.unchanged,
        problems=[_shown(problem) for problem in report.problems],
        more=report.problem_count - len(report.problems),
        warnings=[phrase(warning) for warning in report.warnings],
    )


def _shown(problem: Problem) -> ShownProblem:
    return ShownProblem(
        str(problem.line) if problem.line else "", column_text(problem.column), phrase(problem.text)
    )
