"""Sorting, filtering and paging of the meter list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mbusmaster.meterlist.database import moment_text
from mbusmaster.meterlist.doubt import doubts_text
from mbusmaster.meterlist.meter import Meter, Status

MAX_PAGE: Final = 2000
LONGEST_TEXT: Final = 100
"""Of a text that is looked for; what is longer is in no column."""


class Sort(StrEnum):
    """Columns by which the list can be sorted; the names are those of the CSV file."""

    SECONDARY_ADDRESS = "secondary_address"
    IDENTIFICATION = "identification"
    MANUFACTURER = "manufacturer"
    VERSION = "version"
    MEDIUM = "medium"
    PRIMARY_ADDRESS = "primary_address"
    BAUD_RATE = "baud_rate"
    FABRICATION_NUMBER = "fabrication_number"
    FIRST_SEEN = "first_seen"
    LAST_SEEN = "last_seen"
    STATUS = "status"
    NOTE = "note"
    BUS = "bus"


@dataclass(frozen=True, slots=True)
class Query:
    """What part of the list is wanted, in which order.

    :ivar text: words that must all stand in some column, whatever their case.
    """

    text: str = ""
    status: Status | None = None
    medium: str | None = None
    manufacturer: str | None = None
    bus: str | None = None
    sort: Sort = Sort.SECONDARY_ADDRESS
    descending: bool = False
    offset: int = 0
    limit: int = MAX_PAGE


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list.

    :ivar matching: rows that the filters let through.
    :ivar total: rows of the whole list.
    :ivar revision: of the list from which it was taken.
    """

    meters: tuple[Meter, ...]
    matching: int
    total: int
    offset: int
    revision: int


def cells(meter: Meter) -> dict[str, str]:
    """Give the columns of a row as text, by their names in the CSV file."""
    columns: dict[str, object] = {
        "secondary_address": meter.secondary,
        "identification": meter.identification,
        "manufacturer": meter.manufacturer,
        "version": meter.version,
        "medium": meter.medium,
        "primary_address": meter.primary,
        "baud_rate": meter.baud,
        "fabrication_number": meter.fabrication,
        "first_seen": moment_text(meter.first_seen),
        "last_seen": moment_text(meter.last_seen),
        "status": meter.status,
        "note": meter.note,
        "bus": meter.bus,
        "doubtful_times": doubts_text(meter.doubts),
    }
    return {name: "" if value is None else str(value) for name, value in columns.items()}


def select(meters: Iterable[Meter], query: Query, revision: int) -> Page:
    """Give the part of the list that is asked for."""
    rows = list(meters)
    found = [meter for meter in rows if _is_wanted(meter, query)]
    value = _VALUES[query.sort]
    keyed = [(value(meter), meter) for meter in found]
    # By address first, so that equal rows always come in the same order.
    keyed.sort(key=lambda pair: (pair[1].secondary is None, pair[1].address.zfill(3), pair[1].id))
    known = [pair for pair in keyed if pair[0] not in (None, "")]
    known.sort(key=lambda pair: pair[0], reverse=query.descending)
    ordered = [meter for _, meter in known] + [meter for key, meter in keyed if key in (None, "")]
    offset, limit = max(0, query.offset), max(0, min(query.limit, MAX_PAGE))
    return Page(tuple(ordered[offset : offset + limit]), len(ordered), len(rows), offset, revision)


def _is_wanted(meter: Meter, query: Query) -> bool:
    if query.status is not None and meter.status is not query.status:
        return False
    wanted = ((query.medium, meter.medium), (query.manufacturer, meter.manufacturer), (query.bus, meter.bus))
    if any(want is not None and want != has for want, has in wanted):
        return False
    words = query.text[:LONGEST_TEXT].casefold().split()
    if not words:
        return True
    shown = "\n".join((*cells(meter).values(), meter.remark)).casefold()
    return all(word in shown for word in words)


_VALUES: Final[dict[Sort, Callable[[Meter], Any]]] = {
    Sort.SECONDARY_ADDRESS: lambda meter: meter.secondary and str(meter.secondary),
    Sort.IDENTIFICATION: lambda meter: meter.identification,
    Sort.MANUFACTURER: lambda meter: meter.manufacturer,
    Sort.VERSION: lambda meter: meter.version,
    Sort.MEDIUM: lambda meter: meter.medium,
    Sort.PRIMARY_ADDRESS: lambda meter: meter.primary,
    Sort.BAUD_RATE: lambda meter: meter.baud,
    Sort.FABRICATION_NUMBER: lambda meter: meter.fabrication,
    Sort.FIRST_SEEN: lambda meter: meter.first_seen,
    Sort.LAST_SEEN: lambda meter: meter.last_seen,
    Sort.STATUS: lambda meter: meter.status,
    Sort.NOTE: lambda meter: meter.note.casefold(),
    Sort.BUS: lambda meter: meter.bus,
}
