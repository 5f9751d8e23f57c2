"""The newest reading of each meter."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mbusheadend.export import register_name
from mbusheadend.store.browsing import MeterFilter
from mbusheadend.views.latest import Latest, latest_of
from mbusheadend.web.door import READER
from mbusheadend.web.reading_answers import exact_json, moment_text
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer

DOOR: Final = READER
MOST: Final = 500


class LatestValue(Answer):
    """A value of the newest reading."""

    register_name: Annotated[str, Field(alias="register")]
    value: float | str | None


class LatestAnswer(Answer):
    """The newest sound reading of a meter; null where there is none. `age` is in seconds, `status` words of the status byte."""

    meter: int
    identity: str
    name: str
    master: str | None
    taken: str | None
    age: float | None
    status: list[str]
    values: list[LatestValue]


class LatestPage(Answer):
    """Some meters, of `matching` that fit."""

    meters: list[LatestAnswer]
    matching: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])
    store = services.store

    @routes.get("/latest", response_model=LatestPage)
    async def list_latest(
        text: Annotated[str, Query(max_length=64, description="Stands in identity, name or note.")] = "",
        master: Annotated[str, Query(max_length=64, description="Serial number of the master.")] = "",
        group: Annotated[str, Query(max_length=64, description="Group of meters.")] = "",
        most: Annotated[
            int, Query(ge=1, le=100, description="Values of each meter, those first that say most.")
        ] = 10,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Response:
        """Give the newest reading of each meter that fits."""
        chosen = MeterFilter(text=text, master=master or None, group=group or None)
        found = await store.find_meters(chosen, offset, limit)
        rows = await latest_of(store, found.meters, services.now(), most)
        return exact_json({"meters": [_answer(one) for one in rows], "matching": found.matching})

    return routes


def _answer(one: Latest) -> dict[str, object]:
    meter = one.meter
    return {
        "meter": meter.id,
        "identity": meter.identity,
        "name": meter.name,
        "master": None if meter.place is None else meter.place.master,
        "taken": None if one.reading is None else moment_text(one.reading.taken),
        "age": None if one.age is None else round(one.age.total_seconds(), 3),
        "status": list(one.status),
        "values": [
            {"register": register_name(measured.register), "value": measured.value} for measured in one.values
        ],
    }
