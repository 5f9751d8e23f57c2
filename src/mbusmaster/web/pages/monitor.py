"""Bus monitor: live traffic of a bus, decoded; who holds the bus and who waits (issues 3 and 4)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response, StreamingResponse

from mbus.errors import AddressError
from mbusmaster.audit_kinds import AuditKind
from mbusmaster.bus.describing import as_text
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.stations import MeterName
from mbusmaster.bus.traffic import MAX_ENTRIES, Entry, Watch
from mbusmaster.web.line_view import line_facts
from mbusmaster.web.services import Services
from mbusmaster.web.traffic_view import address_problem, read_meter, shown_entries, shown_entry, shown_users
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.locale import ngettext
from mbusweb.render import page, renderer_of

PATH: Final = "/monitor"
EVENTS: Final = f"{PATH}/events"
DOWNLOAD: Final = f"{PATH}/download"
COUNTERS: Final = f"{PATH}/counters"
SHOWN: Final = 50
"""Transactions that a page has at first."""
OFFERED: Final = 100
"""Meters that the filter names."""
_AT_ONCE: Final = 25
"""Transactions of a download between which nobody else has a turn."""
_LONGEST_NUMBER: Final = 15
_OVER: Final = object()


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, bus: str = "", meter: str = "") -> Response:
        if not services.buses:
            return page(request, "monitor.html", bus="")
        engine, meter = engine_of(services, bus), meter.strip()[:64]
        try:
            name, problem = read_meter(meter), ""
        except AddressError as error:
            name, problem = None, address_problem(error)
        entries = () if problem else engine.traffic.last(SHOWN, name)
        newest = engine.traffic.last(1)
        query = urlencode({"bus": engine.name, "meter": meter})
        return page(
            request,
            "monitor.html",
            status=422 if problem else 200,
            bus=engine.name,
            buses=[(one.name, one.name) for one in services.buses],
            meter=meter,
            meters=_meter_names(engine),
            problem=problem,
            users=shown_users(engine.users()),
            line=_line(engine),
            entries=shown_entries(entries),
            last=newest[0].number if newest else 0,
            here=f"{PATH}?{query}",
            events=f"{EVENTS}?{query}",
            download=f"{DOWNLOAD}?{query}",
            counters=f"{COUNTERS}?{urlencode({'bus': engine.name})}",
        )

    @routes.get(EVENTS)
    async def events(request: Request, bus: str = "", meter: str = "", after: str = "") -> Response:
        engine, name = engine_of(services, bus), _meter(meter)
        known = after.isascii() and after.isdecimal() and len(after) <= _LONGEST_NUMBER
        return event_stream(request, _events(request, engine, name, int(after) if known else None))

    @routes.get(DOWNLOAD)
    async def download(who: Asking, bus: str = "", meter: str = "") -> Response:
        engine, name = engine_of(services, bus), _meter(meter)
        file = (
            f"monitor-{services.identity.serial_number}-{services.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.txt"
        )
        services.audit.record(AuditKind.DOWNLOAD, who=who.user, source=who.source, detail=file)
        return StreamingResponse(
            _text(engine.traffic.last(MAX_ENTRIES, name)),
            media_type="text/plain",
            headers={"content-disposition": f'attachment; filename="{file}"'},
        )

    return routes


def engine_of(services: Services, name: str) -> BusEngine:
    """Give the bus of that name, the first one where none is named; 404 where there is none."""
    for engine in services.buses:
        if name in (engine.name, ""):
            return engine
    raise HTTPException(404)


def _line(engine: BusEngine) -> tuple[tuple[str, str, str], ...]:
    reading = engine.health.line
    return () if reading is None else line_facts(reading)


def _meter(text: str) -> MeterName | None:
    try:
        return read_meter(text)
    except AddressError:
        raise HTTPException(400) from None


def _meter_names(engine: BusEngine) -> list[str]:
    found = [str(one.secondary or one.primary) for one in reversed(engine.meters.all()) if one.answers]
    return list(dict.fromkeys(found))[:OFFERED]


async def _text(entries: tuple[Entry, ...]) -> AsyncIterator[str]:
    """Give a download in pieces; between them others have their turn."""
    for first in range(0, len(entries), _AT_ONCE):
        yield "".join(f"{line}\n" for line in as_text(entries[first : first + _AT_ONCE]))
        await asyncio.sleep(0)


async def _events(
    request: Request, engine: BusEngine, meter: MeterName | None, after: int | None
) -> AsyncGenerator[Event]:
    """Give each transaction as it ends, and once a second who uses the bus where that has changed."""
    render = renderer_of(request).fragment
    sent, line_sent, missed = "", "", 0
    with engine.traffic.watch(meter, after=after) as watch:
        async with aclosing(_entries_and_seconds(request, watch)) as coming:
            async for entry in coming:
                if entry is not None:
                    yield Event("traffic", render("parts/traffic.html", entries=[shown_entry(entry)]))
                    continue
                users = render("parts/bus_users.html", users=shown_users(engine.users()))
                if users != sent:
                    sent = users
                    yield Event("users", users)
                facts = _line(engine)
                line = render("parts/line.html", line=facts) if facts else ""
                if line != line_sent:
                    line_sent = line
                    yield Event("line", line)
                if watch.lost != missed:
                    missed = watch.lost
                    yield Event("missed", _missed_text(missed))


async def _entries_and_seconds(request: Request, watch: Watch) -> AsyncGenerator[Entry | None]:
    """Give transactions as they come, and None once a second."""
    seconds = request.app.state.streams.seconds()
    entry = asyncio.ensure_future(anext(watch))
    second = asyncio.ensure_future(anext(seconds, _OVER))
    try:
        while True:
            done, _waiting = await asyncio.wait({entry, second}, return_when=asyncio.FIRST_COMPLETED)
            if entry in done:
                yield entry.result()
                entry = asyncio.ensure_future(anext(watch))
            if second in done:
                if second.result() is _OVER:
                    return
                yield None
                second = asyncio.ensure_future(anext(seconds, _OVER))
    finally:
        for task in (entry, second):
            task.cancel()
        await asyncio.gather(entry, second, return_exceptions=True)
        await seconds.aclose()


def _missed_text(count: int) -> str:
    return ngettext(
        "%(count)d transaction was too fast for this page and is not shown; the download has it.",
        "%(count)d transactions were too fast for this page and are not shown; the download has them.",
        count,
    ) % {"count": count}
