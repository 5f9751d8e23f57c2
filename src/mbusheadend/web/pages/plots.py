"""Registers of several meters in one plot; the address holds the whole choice, so it can be kept and passed on."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbusheadend.decoding.registers import Register
from mbusheadend.store import Meter, Store
from mbusheadend.store.browsing import GroupKind, MeterFilter
from mbusheadend.views.registers import NO_NUMBERS, shown_first
from mbusheadend.views.series import MOST, series_of
from mbusheadend.views.spans import Span
from mbusheadend.web.door import READER
from mbusheadend.web.plot_data import series_json
from mbusheadend.web.reading_choice import (
    MAX_SERIES,
    ChosenSeries,
    address,
    chosen_series,
    chosen_span,
    machine_zone,
    series_key,
    span_links,
    usual_time,
)
from mbusheadend.web.register_texts import register_title
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import medium_of, meter_text, number_of
from mbusweb.locale import gettext as _
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/plot"
DATA: Final = "/plots/data"
FOUND: Final = 12
"""Meters that a search shows."""
OFFERED: Final = 4
"""Registers of a meter that are offered at once; the others are behind a click."""
_LONGEST: Final = 64
Keys = Annotated[tuple[str, ...], Query(max_length=4 * MAX_SERIES)]


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    store = services.store

    @routes.get(PATH)
    async def show(
        request: Request,
        s: Keys = (),
        time: str = "",
        since: str = "",
        until: str = "",
        text: str = "",
        group: str = "",
    ) -> Response:
        chosen = await chosen_series(store, s)
        if chosen and not (time or since or until):
            time = await usual_time(store, {one.meter.id for one in chosen}, services.now())
        span = chosen_span(time, since, until, services.now(), machine_zone())
        text, group = text.strip()[:_LONGEST], group[:_LONGEST]
        keys = [("s", one.key) for one in chosen]
        found = await _found(store, text, group, is_begun=bool(chosen))
        return page(
            request,
            "plot.html",
            chosen=[_chip(one, chosen, span.query) for one in chosen],
            keys=[one.key for one in chosen],
            span=span,
            spans=span_links(PATH, keys, span.span),
            since=since,
            until=until,
            text=text,
            group=group,
            groups=[("", _("All")), *((name, name) for name in sorted(await store.groups(GroupKind.METERS)))],
            found=[await _offer(store, meter, {one.key for one in chosen}) for meter in found],
            is_full=len(chosen) >= MAX_SERIES,
            most=MAX_SERIES,
            data=address(DATA, [*keys, *span.query.items()]) if chosen else "",
        )

    @routes.get(DATA)
    async def data(
        s: Keys = (),
        time: str = "",
        since: str = "",
        until: str = "",
        begin: Annotated[str, Query(alias="from")] = "",
        end: Annotated[str, Query(alias="to")] = "",
        after: str = "",
    ) -> Response:
        span = chosen_span(time, since, until, services.now(), machine_zone()).span
        part = _part(span, begin, end, after)
        shown = [
            (one, series)
            for one in await chosen_series(store, s)
            for series in await series_of(store, one.meter.id, (one.register,), part.since, part.until, MOST)
        ]
        return Response(series_json(shown, part, is_part=bool(begin or end)), media_type="application/json")

    return routes


async def _found(store: Store, text: str, group: str, *, is_begun: bool) -> tuple[Meter, ...]:
    if is_begun and not text and not group:
        return ()
    return (await store.find_meters(MeterFilter(text=text, group=group or None), 0, FOUND)).meters


async def _offer(store: Store, meter: Meter, keys: set[str]) -> dict[str, object]:
    registers = await store.registers(meter.id)
    first = shown_first(registers, OFFERED)
    others = [one for one in registers if one not in first and one.quantity not in NO_NUMBERS]
    return {
        "title": meter_text(meter),
        "number": number_of(meter) if meter.name else "",
        "medium": medium_of(meter),
        "first": [_choice(meter, one, keys) for one in first],
        "others": [_choice(meter, one, keys) for one in others],
    }


def _choice(meter: Meter, register: Register, keys: set[str]) -> tuple[str, str, bool]:
    key = series_key(meter.id, register)
    return key, register_title(register), key in keys


def _chip(one: ChosenSeries, chosen: tuple[ChosenSeries, ...], query: object) -> dict[str, str]:
    assert isinstance(query, dict)
    rest = [("s", other.key) for other in chosen if other is not one]
    return {
        "meter": meter_text(one.meter),
        "register": register_title(one.register),
        "link": f"/readings/{one.meter.id}",
        "without": address(PATH, [*rest, *query.items()]),
    }


def _part(span: Span, begin: str, end: str, after: str) -> Span:
    """Give the part of a time that is asked for; what cannot be read is not asked for."""
    moments = [_moment(text) for text in (begin, end, after)]
    if moments[0] is not None and moments[1] is not None and moments[0] < moments[1]:
        return Span("", moments[0], moments[1])
    if moments[2] is not None and span.since <= moments[2] < span.until:
        return Span(span.name, moments[2] + timedelta(milliseconds=1), span.until)
    return span


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text[:32]), UTC) if text else None
    except (ValueError, OverflowError, OSError):
        return None
