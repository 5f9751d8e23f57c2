"""One meter: who it is, where it was, its name, note, groups and key. What it measures has pages of its own."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import READER
from mbusheadend.web.fleet_lists import METERS
from mbusheadend.web.fleet_texts import meter_sign
from mbusheadend.web.services import Services
from mbusheadend.web.value_texts import age_text, manufacturer_of, medium_of, meter_text, number_of
from mbusweb.api.models import RowNumber
from mbusweb.guard import local_path
from mbusweb.render import page

DOOR: Final = READER
METER: Final = f"{METERS}/{{number}}"
LONGEST_NAME: Final = 128
LONGEST_NOTE: Final = 1000


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.get(METER)
    async def show(request: Request, number: RowNumber, back: str = "") -> Response:
        return page(request, "meter_facts.html", **await shown_meter(services, number, way_back(back)))

    return routes


async def shown_meter(services: Services, number: int, back: str = METERS, **more: Any) -> dict[str, Any]:
    """Give what the page shows.

    :param more: of a form that was refused: its values and problems.
    """
    meter = await services.store.meter(number)
    latest = meter.last_reading
    return {
        "meter": meter,
        "title": meter_text(meter),
        "number": number_of(meter),
        "medium": medium_of(meter),
        "manufacturer": manufacturer_of(meter),
        "age": "" if latest is None else age_text(services.now() - latest),
        "sign": meter_sign(meter.status),
        "alarms": (await services.store.alarms_of((number,))).get(number, 0),
        "stays": await services.store.stays(number),
        "groups": sorted({*await services.store.groups(GroupKind.METERS), *meter.groups}),
        "name": meter.name,
        "note": meter.note,
        "chosen": meter.groups,
        "longest_name": LONGEST_NAME,
        "longest_note": LONGEST_NOTE,
        "back": back,
        "problems": {},
        **more,
    }


def meter_path(number: int, more: str = "") -> str:
    """Give the address of a meter's page."""
    return f"{METERS}/{number}{more}"


def way_back(back: str) -> str:
    """Give the list as it was shown; what is no address of the list leads to its beginning."""
    path = local_path(back, METERS)
    return path if path == METERS or path.startswith(f"{METERS}?") else METERS
