"""Registers and readings of a meter, page by page, also with their raw telegrams."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mbusheadend.decoding.registers import Register
from mbusheadend.export import is_named, register_name
from mbusheadend.judging.own_time import own_time
from mbusheadend.judging.words import status_of
from mbusheadend.store import StoredReading
from mbusheadend.views.raw import telegrams_of
from mbusheadend.views.table import cursor_of, cursor_text
from mbusheadend.web.door import READER
from mbusheadend.web.reading_answers import MeterNumber, Since, Until, exact_json, moment_text, span_given
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared

DOOR: Final = READER
MOST: Final = 1000


class RegisterAnswer(Answer):
    """A register of a meter. `name` is the same in files, in series and here."""

    name: str
    function: str
    storage: int
    tariff: int
    subunit: int
    quantity: str
    unit: str
    modifiers: list[str]


class ValueAnswer(Answer):
    """A value: a number with all its digits, a text, or nothing; `doubt` says why it is to be doubted."""

    register_name: Annotated[str, Field(alias="register")]
    value: float | str | None
    doubt: str | None


class TelegramAnswer(Answer):
    """A telegram: its bytes in hex, with asterisks for what is secret; empty where they were given up for their age."""

    bytes: str
    error: str


class ReadingAnswer(Answer):
    """A reading. `meter_time` is what the meter's clock told, without a zone; `status` are words of its status byte."""

    id: str
    master: str
    schedule: str
    slot: datetime
    taken: datetime
    received: datetime
    meter_time: str | None
    clock: str
    outcome: str
    attempts: int
    baud_rate: int
    remark: str
    status: list[str]
    values: list[ValueAnswer]
    telegrams: list[TelegramAnswer] | None = None


class ReadingsAnswer(Answer):
    """Some readings; `before` is the parameter for the next page, null on the last one."""

    readings: list[ReadingAnswer]
    before: str | None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])
    store = services.store

    @routes.get("/readings/{number}/registers", response_model=list[RegisterAnswer], responses=declared(404))
    async def list_registers(number: MeterNumber) -> Any:
        """Give every register that a meter ever had, those of its newest reading first."""
        return [register_answer(one) for one in await store.registers(number)]

    @routes.get("/readings/{number}", response_model=ReadingsAnswer, responses=declared(404))
    async def list_readings(
        number: MeterNumber,
        since: Since = None,
        until: Until = None,
        register: Annotated[
            tuple[str, ...],
            Query(
                max_length=100, description="Only these: names, or quantities.", examples=[["energy [Wh]"]]
            ),
        ] = (),
        raw: Annotated[bool, Query(description="With the bytes of the telegrams.")] = False,
        before: Annotated[str, Query(max_length=40, description="From the page before this one.")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Response:
        """Give readings of a meter, the newest first; without a time those of the last seven days."""
        await store.meter(number)
        begin, end = span_given(since, until, services.now())
        page = await store.readings_back(
            number, begin, end, before=cursor_of(before), limit=limit, with_raw=raw
        )
        return exact_json(
            {
                "readings": [_reading(one, register, with_raw=raw) for one in page.readings],
                "before": cursor_text(page.after) or None,
            }
        )

    return routes


def register_answer(register: Register) -> RegisterAnswer:
    """Describe a register."""
    return RegisterAnswer(
        name=register_name(register),
        function=register.function,
        storage=register.storage,
        tariff=register.tariff,
        subunit=register.subunit,
        quantity=register.quantity,
        unit=register.unit,
        modifiers=list(register.modifiers),
    )


def _reading(reading: StoredReading, names: tuple[str, ...], *, with_raw: bool) -> dict[str, object]:
    own = own_time(reading.decoded)
    answer: dict[str, object] = {
        "id": reading.id,
        "master": reading.master,
        "schedule": reading.schedule,
        "slot": moment_text(reading.slot),
        "taken": moment_text(reading.taken),
        "received": moment_text(reading.received),
        "meter_time": None if own is None else own.isoformat(),
        "clock": reading.clock,
        "outcome": reading.outcome.value,
        "attempts": reading.attempts,
        "baud_rate": reading.baud,
        "remark": reading.remark,
        "status": sorted(status_of(reading)),
        "values": [
            {
                "register": register_name(one.register),
                "value": one.value,
                "doubt": ", ".join((*((one.status,) if one.status else ()), *one.labels)) or None,
            }
            for telegram in reading.decoded
            for one in telegram.values
            if not names or is_named(one.register, names)
        ],
    }
    if with_raw:
        answer["telegrams"] = [
            {"bytes": "".join(one.frame), "error": "" if one.decoded is None else one.decoded.error}
            for one in telegrams_of(reading)
        ]
    return answer
