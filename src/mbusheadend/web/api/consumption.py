"""Consumption of a meter in days, weeks, months or years."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mbusheadend.export import register_name
from mbusheadend.judging.consumption import Consumption, Period, cumulates
from mbusheadend.views.consumed import consumed
from mbusheadend.views.registers import named
from mbusheadend.web.door import READER
from mbusheadend.web.reading_answers import (
    MeterNumber,
    Since,
    Until,
    Zone,
    exact_json,
    moment_text,
    refuse,
    span_given,
    zone_given,
)
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared
from mbusweb.locale import gettext as _

DOOR: Final = READER


class PeriodAnswer(Answer):
    """What was used from `since` to before `until`; null where the readings do not reach to both ends.

    `begin` and `end` are the counter's values there; `has_fall`: it was reset or rolled over. `before` is what was used in the
    period that it is compared with, `so_far` what was used up to the last reading of a period that is not over.
    """

    since: str
    until: str
    amount: float | None
    begin: float | None
    end: float | None
    is_interpolated: bool
    has_fall: bool
    before: float | None
    so_far: float | None


class ConsumptionAnswer(Answer):
    """Consumption by one register."""

    register_name: Annotated[str, Field(alias="register")]
    unit: str
    periods: list[PeriodAnswer]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])
    store = services.store

    @routes.get("/readings/{number}/consumption", response_model=ConsumptionAnswer, responses=declared(404))
    async def show_consumption(
        number: MeterNumber,
        register: Annotated[
            str,
            Query(
                max_length=300,
                description="Name of the register; the first that counts up.",
                examples=["energy [Wh]"],
            ),
        ] = "",
        period: Period = Period.DAY,
        zone: Zone = "UTC",
        since: Since = None,
        until: Until = None,
    ) -> Response:
        """Give what was used in each period that touches the time, by default of seven days."""
        begin, end = span_given(since, until, services.now())
        registers = await store.registers(number)
        chosen = named(registers, (register,)) if register else tuple(filter(cumulates, registers))
        if not chosen:
            refuse("register", _("This meter has no such register."))
        try:
            table = await consumed(store, number, chosen[0], period, zone_given(zone), begin, end)
        except (ValueError, OverflowError):
            refuse("since", _("This time has too many periods: choose longer ones, or a shorter time."))
        return exact_json(
            {
                "register": register_name(chosen[0]),
                "unit": chosen[0].unit,
                "periods": [
                    {
                        **_period(row.used),
                        "before": None if row.before is None else row.before.amount,
                        "so_far": row.so_far,
                    }
                    for row in table.rows
                ],
            }
        )

    return routes


def _period(used: Consumption) -> dict[str, object]:
    return {
        "since": moment_text(used.since),
        "until": moment_text(used.until),
        "amount": used.amount,
        "begin": used.begin,
        "end": used.end,
        "is_interpolated": used.is_interpolated,
        "has_fall": used.has_fall,
    }
