"""Meter list: what scans have found, live while one runs (guide 3.1). What meters measure is not shown here."""

import secrets
from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.meterlist import Sort, Status
from mbusmaster.web.actions.meters import download_name
from mbusmaster.web.meter_import import buses_of
from mbusmaster.web.meter_texts import column_text, status_sign
from mbusmaster.web.meter_view import (
    PATH,
    ListView,
    count_text,
    headings,
    needs_check,
    pages,
    shown_meters,
)
from mbusmaster.web.scan_form import ScanForm, scan_form
from mbusmaster.web.scan_view import jobs, shown_jobs
from mbusmaster.web.services import Services
from mbusweb.door import SETUP_OR_USER
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.media_texts import medium_text
from mbusweb.render import page, renderer_of
from mbusweb.visitor import Visitor

DOOR: Final = SETUP_OR_USER
EVENTS: Final = f"{PATH}/events"
DOWNLOAD: Final = f"{PATH}/download"
_THIS_START: Final = secrets.token_hex(4)
"""So that a browser from before a restart is not taken for one that is up to date."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return list_page(request, services, ListView.of(request.query_params))

    @routes.get(EVENTS)
    async def events(request: Request, who: Asking, since: str = "") -> Response:
        view = ListView.of(request.query_params)
        return event_stream(request, _changes(request, services, who, view, since))

    @routes.get(DOWNLOAD)
    async def download(request: Request, who: Asking) -> Response:
        view = ListView.of(request.query_params)
        data = services.meters.to_csv(view.whole)
        return csv_answer(services, who, data, "meters")

    return routes


def csv_answer(services: Services, who: Visitor, data: bytes, kind: str) -> Response:
    """Give a list as a file, and write that into the audit log."""
    name = download_name(services, who, kind)
    return Response(
        data,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def list_page(request: Request, services: Services, view: ListView, form: ScanForm | None = None) -> Response:
    """Answer with the list.

    :param form: one that was refused.
    """
    form = form or scan_form(services.scanner, _last_values(services))
    return page(
        request,
        "meters.html",
        status=422 if form.problems else 200,
        form=form,
        jobs=shown_jobs(services),
        is_running=bool(form.busy),
        since=",".join(_marks(services)),
        choices=_choices(services, view),
        sorts=[(sort.value, column_text(sort.value)) for sort in Sort if sort is not Sort.BUS],
        buses=buses_of(services),
        problem=services.meters.problem,
        **_table(services, view),
    )


def _table(services: Services, view: ListView) -> dict[str, Any]:
    """Give what the table shows."""
    found = services.meters.select(view.query)
    around = pages(view, found.matching)
    if found.matching and not found.meters:
        # Rows have gone since the address of this page was made.
        view = ListView.of({**view.arguments, "page": str(around.count)})
        found = services.meters.select(view.query)
    with_bus = len(services.scanner.buses) > 1
    return {
        "view": view,
        "rows": shown_meters(found.meters),
        "columns": headings(view, with_bus=with_bus),
        "with_bus": with_bus,
        "count": count_text(len(found.meters), found.matching, found.total),
        "total": found.total,
        "pages": around,
        "unanswered": sum(map(needs_check, services.meters.meters())),
    }


def _choices(services: Services, view: ListView) -> dict[str, list[tuple[str, str]]]:
    """Give what filters offer: what is in the list, and what is chosen."""
    there = services.meters.choices()
    statuses = {*there["status"], *([view.status.value] if view.status else [])}
    media = {*there["medium"], *([view.medium] if view.medium else [])}
    every = ("", _("All"))
    return {
        "status": [every, *((one.value, status_sign(one).text) for one in Status if one in statuses)],
        "medium": [every, *sorted(((one, medium_text(one)) for one in media), key=lambda pair: pair[1])],
        "bus": [every, *((one, one) for one in there["bus"])],
    }


def _last_values(services: Services) -> dict[str, str]:
    """Give what was asked for last, so that the next scan begins from there."""
    last = max(jobs(services), key=lambda job: job.number, default=None)
    if last is None:
        return {}
    task = last.task
    values = {"bus": task.bus, "baud": str(task.baud)}
    return values if task.meters else {**values, "mode": task.mode.value}


def _marks(services: Services) -> tuple[str, str, str]:
    """Give what changes whenever the table, the running scans, or the form does."""
    there = jobs(services)
    progress = "-".join(f"{job.number}.{job.progress.revision}" for job in there)
    running = "-".join(f"{job.number}.{job.is_running}" for job in there)
    return f"{_THIS_START}.{services.meters.revision}", f"{_THIS_START}.{progress}", running


async def _changes(
    request: Request, services: Services, who: Visitor, view: ListView, since: str
) -> AsyncGenerator[Event]:
    """Give the parts of the page that have changed, once a second at the most.

    :param since: the marks of the page that listens.
    """
    render = renderer_of(request).fragment
    table, progress, running = [*since.split(","), "", ""][:3]
    news: str | None = None
    async for _tick in request.app.state.streams.seconds():
        now = _marks(services)
        if now[0] != table:
            table = now[0]
            yield Event("table", render("parts/meter_table.html", visitor=who, **_table(services, view)))
        if now[2] != running:
            running = now[2]
            form = scan_form(services.scanner, _last_values(services))
            yield Event("form", render("parts/scan_form.html", visitor=who, form=form))
        if now[1] != progress or news is None:
            progress = now[1]
            shown = shown_jobs(services)
            yield Event("jobs", render("parts/scan_jobs.html", visitor=who, jobs=shown))
            said = " ".join(job.news for job in shown)
            if news is not None and said != news:
                yield Event("news", render("parts/scan_news.html", news=said))
            news = said
