"""Registers over time, few enough values for a plot."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mbusheadend.views.series import Sample, Series, series_of
from mbusheadend.web.door import READER
from mbusheadend.web.reading_answers import Since, Until, exact_json, moment_text, refuse, span_given
from mbusheadend.web.reading_choice import MAX_SERIES, ChosenSeries, chosen_series
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.locale import gettext as _

DOOR: Final = READER
MOST: Final = 5000


class SampleAnswer(Answer):
    """A value. A null among them is a gap. `marks` say why it is to be taken with care: clock, status, value, memory."""

    taken: str
    value: float
    marks: list[str]
    meter_time: str | None


class SeriesAnswer(Answer):
    """A register over time: `count` values, of which `samples` are all, or the lowest and highest of each part of the time."""

    series: str
    meter: int
    identity: str
    register_name: Annotated[str, Field(alias="register")]
    unit: str
    count: int
    is_exact: bool
    samples: list[SampleAnswer | None]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["readings"])
    store = services.store

    @routes.get("/series", response_model=list[SeriesAnswer])
    async def list_series(
        series: Annotated[
            tuple[str, ...],
            Query(
                min_length=1,
                max_length=MAX_SERIES,
                description="Number of a meter, a bar, and the name of its register.",
                examples=[["12|energy [Wh]"]],
            ),
        ],
        since: Since = None,
        until: Until = None,
        most: Annotated[
            int, Query(ge=10, le=MOST, description="About so many values of each at most.")
        ] = 1000,
    ) -> Response:
        """Give registers of meters over time, by default of seven days; one that is not there is left out."""
        begin, end = span_given(since, until, services.now())
        chosen = await chosen_series(store, series)
        if not chosen:
            refuse("series", _("There is no such register of such a meter."))
        found = []
        for one in chosen:
            for line in await series_of(store, one.meter.id, (one.register,), begin, end, most):
                found.append(_answer(one, line))  # noqa: PERF401 - awaits
        return exact_json(found)

    return routes


def _answer(one: ChosenSeries, line: Series) -> dict[str, Any]:
    return {
        "series": one.key,
        "meter": one.meter.id,
        "identity": one.meter.identity,
        "register": one.key.partition("|")[2],
        "unit": line.register.unit,
        "count": line.count,
        "is_exact": sum(sample is not None for sample in line.samples) >= line.count,
        "samples": [None if sample is None else _sample(sample) for sample in line.samples],
    }


def _sample(sample: Sample) -> dict[str, object]:
    return {
        "taken": moment_text(sample.taken),
        "value": sample.value,
        "marks": [mark.value for mark in sample.marks],
        "meter_time": None if sample.own is None else sample.own.isoformat(),
    }
