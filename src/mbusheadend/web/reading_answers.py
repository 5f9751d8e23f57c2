"""What the parts of the API about readings have in common: times that are given, numbers with all their digits."""

from datetime import datetime, timedelta
from typing import Annotated, Final, NoReturn

from fastapi import Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from mbus.application.as_json import dumps
from mbusheadend.export.forms import moment_text
from mbusheadend.views.spans import zone_of
from mbusweb.api.models import Moment
from mbusweb.locale import gettext as _

__all__ = [
    "MeterNumber",
    "Since",
    "Until",
    "Zone",
    "exact_json",
    "moment_text",
    "refuse",
    "span_given",
    "zone_given",
]

USUAL: Final = timedelta(days=7)
MeterNumber = Annotated[
    int, Path(ge=1, lt=1 << 53, description="Number of the meter, as in the list of meters.")
]
Since = Annotated[Moment | None, Query(description="From this moment on.", examples=["2026-11-01T00:00:00Z"])]
Until = Annotated[Moment | None, Query(description="Before this moment; now, if it is not given.")]
Zone = Annotated[
    str, Query(max_length=64, description="Time zone in which days begin.", examples=["Europe/Copenhagen"])
]


def span_given(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Give both ends; 422 where the time ends before it begins."""
    try:
        end = until or now
        begin = since or end - USUAL
    except OverflowError:
        begin = end
    if not begin < end:
        refuse("until", _("The time ends before it begins."))
    return begin, end


def zone_given(zone: str) -> str:
    """Give a time zone that there is; 422 for one that there is not."""
    try:
        zone_of(zone)
    except ValueError:
        refuse("zone", _("There is no such time zone."))
    return zone


def refuse(field: str, reason: str) -> NoReturn:
    """Answer 422 for a parameter; the reason is translated already."""
    raise RequestValidationError([{"loc": ("query", field), "msg": reason, "type": "value_error"}])


def exact_json(thing: object) -> Response:
    """Answer with JSON whose numbers have all their digits."""
    return Response(dumps(thing), media_type="application/json")
