"""Counters of a bus: of each meter, and of each client (issues 3 and 4)."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.bus.meters import MeterCounters
from mbusmaster.web.meter_texts import duration_text
from mbusmaster.web.pages.monitor import COUNTERS, PATH, engine_of
from mbusmaster.web.services import Services
from mbusmaster.web.traffic_view import result_text
from mbusweb.paging import paged
from mbusweb.render import page

PAGE: Final = 50
"""Rows of a table at a time."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(COUNTERS)
    async def show(request: Request, bus: str = "", meters: str = "1", clients: str = "1") -> Response:
        engine = engine_of(services, bus)
        users = engine.users()
        query = {"bus": engine.name}
        return page(
            request,
            "bus_counters.html",
            bus=engine.name,
            buses=[one.name for one in services.buses],
            meters=paged(_in_order(engine.meters.all()), meters, PAGE),
            clients=paged(users.clients, clients, PAGE),
            here=f"{COUNTERS}?{urlencode(query)}",
            back=f"{PATH}?{urlencode(query)}",
            duration=duration_text,
            garbled=_garbled,
        )

    return routes


def _in_order(meters: tuple[MeterCounters, ...]) -> list[MeterCounters]:
    """Put those that never answered behind the others; else the one that was asked last comes first."""
    newest = meters[::-1]
    answered = [one for one in newest if one.last_answered is not None]
    return answered + [one for one in newest if one.last_answered is None]


def _garbled(meter: MeterCounters) -> str:
    """Say what was wrong with answers, and how often."""
    return ", ".join(f"{result_text(why)} {count}" for why, count in meter.garbled.most_common())
