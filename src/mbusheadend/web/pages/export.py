"""Readings and consumption as files."""

from collections import defaultdict
from importlib.util import find_spec
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from mbusheadend.errors import HeadEndError
from mbusheadend.export import Form
from mbusheadend.judging.consumption import Period
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import READER
from mbusheadend.web.export_choice import ExportChoice, What, begin_export
from mbusheadend.web.period_texts import period_texts
from mbusheadend.web.reading_choice import chosen_span, chosen_zone, zones
from mbusheadend.web.services import Services
from mbusweb.locale import gettext as _
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/export"
FILE: Final = f"{PATH}/file"
MOST: Final = 200
"""Meters or registers that an address may name."""
USUAL: Final = "month"
_LONGEST: Final = 200
Several = Annotated[tuple[str, ...], Query(max_length=MOST)]


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return await _page(request, services)

    @routes.get(FILE)
    async def file(
        request: Request,
        meter: Several = (),
        register: Several = (),
        group: str = "",
        master: str = "",
        what: str = "",
        form: str = "",
        time: str = "",
        since: str = "",
        until: str = "",
        period: str = "",
        zone: str = "",
        marked: str = "",
    ) -> Response:
        place = chosen_zone(zone)
        span = chosen_span(time, since, until, services.now(), place, USUAL)
        if span.problem:
            return await _page(request, services, span.problem)
        choice = ExportChoice(
            What(what) if what in list(What) else What.VALUES,
            Form(form) if form in list(Form) else Form.CSV,
            span.span.since,
            span.span.until,
            meters=_split(meter),
            groups=[group] if group else [],
            masters=[master] if master else [],
            registers=_split(register),
            period=Period(period) if period in list(Period) else Period.DAY,
            zone=place,
            is_marked=bool(marked),
        )
        try:
            pieces = await begin_export(services.store, choice)
        except HeadEndError as error:
            return await _page(request, services, str(error))
        name = choice.file_name(services.label)
        return StreamingResponse(
            pieces,
            media_type=choice.form.media_type,
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return routes


async def _page(request: Request, services: Services, problem: str = "") -> Response:
    asked = request.query_params
    groups = sorted(await services.store.groups(GroupKind.METERS))
    masters = [(one.serial, one.name or one.serial) for one in await services.store.masters()]
    return page(
        request,
        "export.html",
        status=422 if problem else 200,
        problem=problem,
        asked=defaultdict(str, asked),
        meters=", ".join(asked.getlist("meter")),
        registers=", ".join(asked.getlist("register")),
        whats=what_texts(),
        forms=form_texts(),
        times=time_texts(),
        time=asked.get("time", "" if asked.get("since") or asked.get("until") else USUAL),
        groups=[("", _("All")), *((name, name) for name in groups)],
        masters=[("", _("All")), *masters],
        periods=list(period_texts().items()),
        zones=[(one, one.replace("_", " ")) for one in zones()],
        zone=chosen_zone(asked.get("zone", "")),
    )


def _split(given: tuple[str, ...]) -> list[str]:
    """Take names one by one, or several between commas outside of brackets."""
    found: list[str] = []
    for text in given:
        depth, word = 0, ""
        for letter in text[: _LONGEST * MOST]:
            depth += (letter in "([") - (letter in ")]")
            if letter == "," and depth <= 0:
                found.append(word.strip())
                word = ""
            else:
                word += letter
        found.append(word.strip())
    return [one[:_LONGEST] for one in found if one][:MOST]


def what_texts() -> list[tuple[str, str]]:
    """Name what can be exported."""
    return [
        (What.VALUES, _("Values: one row per value")),
        (What.READINGS, _("Readings: one row per reading, one column per register")),
        (What.CONSUMPTION, _("Consumption: one row per period")),
    ]


def form_texts() -> list[tuple[str, str]]:
    """Name the forms of files that can be made here."""
    forms: list[tuple[str, Any]] = [(Form.CSV, "CSV"), (Form.JSON, _("JSON, one object per line"))]
    if find_spec("pyarrow") is not None:
        forms.append((Form.PARQUET, "Parquet"))
    return forms


def time_texts() -> list[tuple[str, str]]:
    """Name the times that can be chosen."""
    return [
        ("day", _("24 hours")),
        ("week", _("7 days")),
        ("month", _("31 days")),
        ("quarter", _("3 months")),
        ("year", _("1 year")),
        ("years", _("5 years")),
        ("", _("From the first to the last day below")),
    ]
