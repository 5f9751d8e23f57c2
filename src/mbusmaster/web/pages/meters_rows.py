"""One meter of the list: what is known of it, its note, and taking it out; clearing the list is behind a question."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusmaster.meterlist import Meter, MeterRefusedError
from mbusmaster.meterlist.doubt import Stamp
from mbusmaster.meterlist.meter import LONGEST_NOTE
from mbusmaster.web.actions.meters import record_change
from mbusmaster.web.meter_texts import advice
from mbusmaster.web.meter_view import PATH, address_text, moment_text, shown_meter
from mbusmaster.web.phrases import phrase
from mbusmaster.web.services import Services
from mbusweb.door import SETUP_OR_USER
from mbusweb.forms import form_values
from mbusweb.guard import Asking, local_path
from mbusweb.locale import format_datetime, ngettext
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = SETUP_OR_USER
CLEAR: Final = f"{PATH}/clear"
METER: Final = f"{PATH}/{{number:int}}"
NOTE: Final = f"{METER}/note"
REMOVE: Final = f"{METER}/remove"


@dataclass(frozen=True, slots=True)
class ShownRate:
    """A baud rate at which a meter has answered."""

    baud: int
    answers: bool
    last_seen: str


def router(services: Services) -> APIRouter:
    """Give the routes of the pages."""
    routes = APIRouter()
    _add_clear(routes, services)
    _add_note(routes, services)
    _add_remove(routes, services)
    return routes


def _add_clear(routes: APIRouter, services: Services) -> None:
    @routes.get(CLEAR)
    async def ask_clear(request: Request) -> Response:
        count = len(services.meters)
        question = ngettext(
            "%(count)d meter is taken out of the list, with its note. Download the list first if you still need it.",
            "%(count)d meters are taken out of the list, with their notes. Download the list first if you still need it.",
            count,
        )
        return ask(
            request,
            title=_("Clear the meter list?"),
            question=question % {"count": count},
            yes=_("Clear the list"),
            path_yes=CLEAR,
            path_no=PATH,
        )

    @routes.post(CLEAR)
    async def clear(request: Request, who: Asking) -> Response:
        count = services.meters.clear()
        record_change(services, who, f"meter list cleared: {count} meters")
        flash(request, "success", _("The meter list is empty."))
        return go_to(request, PATH)


def _add_note(routes: APIRouter, services: Services) -> None:
    @routes.get(METER)
    async def show(request: Request, number: int, back: str = "") -> Response:
        return _page(request, services, _row(services, number), _way_back(back))

    @routes.post(NOTE)
    async def note(request: Request, who: Asking, number: int) -> Response:
        values = await form_values(request)
        text, back = values.get("note", ""), _way_back(values.get("back"))
        before = _row(services, number)
        try:
            after = services.meters.set_note(number, text)
        except MeterRefusedError as error:
            return _page(request, services, before, back, text, phrase(str(error)))
        if after != before:
            record_change(services, who, f"note of {before.address}: {after.note or '-'}")
        flash(request, "success", _("Saved."))
        return go_to(request, back)


def _add_remove(routes: APIRouter, services: Services) -> None:
    @routes.get(REMOVE)
    async def ask_remove(request: Request, number: int, back: str = "") -> Response:
        row = _row(services, number)
        values = {"address": address_text(row), "note": row.note}
        with_note = _("Meter %(address)s and its note “%(note)s” are taken out of the list.")
        plain = _("Meter %(address)s is taken out of the list. A scan that finds it adds it again.")
        return ask(
            request,
            title=_("Remove this meter?"),
            question=(with_note if row.note else plain) % values,
            yes=_("Remove"),
            path_yes=f"{PATH}/{number}/remove",
            path_no=_way_back(back),
            values={"back": _way_back(back)},
        )

    @routes.post(REMOVE)
    async def remove(request: Request, who: Asking, number: int) -> Response:
        back = _way_back((await form_values(request)).get("back"))
        row = services.meters.get(number)
        if row is not None and services.meters.remove([number]):
            record_change(services, who, f"removed {row.address} from bus {row.bus}")
            text = _("Meter %(address)s is removed.") % {"address": address_text(row)}
            flash(request, "success", text)
        return go_to(request, back)


def _row(services: Services, number: int) -> Meter:
    row = services.meters.get(number)
    if row is None:
        raise HTTPException(404)
    return row


def _way_back(back: str | None) -> str:
    """Give the list as it was shown; what is no address of the list leads to its beginning."""
    path = local_path(back, PATH)
    return path if path == PATH or path.startswith(f"{PATH}?") else PATH


def _page(
    request: Request, services: Services, row: Meter, back: str, note: str | None = None, problem: str = ""
) -> Response:
    job = services.scanner.job(row.bus)
    return page(
        request,
        "meter.html",
        status=422 if problem else 200,
        meter=shown_meter(row),
        rates=[ShownRate(rate.baud, rate.answers, format_datetime(rate.last_seen)) for rate in row.rates],
        checked=moment_text(row, Stamp.CHECKED, row.checked),
        advice=advice(row.status),
        several=len(services.scanner.buses) > 1,
        can_ask=bool(row.address) and row.bus in services.scanner.buses,
        is_busy=job is not None and job.is_running,
        back=back,
        note=row.note if note is None else note,
        problem=problem,
        longest=LONGEST_NOTE,
    )
