"""The part of the meter list that a browser shows, as its address says it, and the rows as the page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self
from urllib.parse import urlencode

from mbusmaster.meterlist import Meter, Query, Sort, Status
from mbusmaster.meterlist.doubt import Stamp
from mbusmaster.meterlist.query import LONGEST_TEXT
from mbusmaster.web.meter_texts import Sign, column_text, status_sign
from mbusmaster.web.phrases import phrase
from mbusweb.locale import format_datetime, format_number
from mbusweb.locale import gettext as _
from mbusweb.media_texts import medium_text

PATH: Final = "/meters"
PAGE: Final = 50
"""Rows at a time."""
MAX_PAGES: Final = 1000
_LONGEST_CHOICE: Final = 64
_STATUSES: Final = frozenset(map(str, Status))
_SORTS: Final = frozenset(map(str, Sort))


@dataclass(frozen=True, slots=True)
class ListView:
    """What part of the list is shown; everything but `number` as in `Query`."""

    text: str = ""
    status: Status | None = None
    medium: str | None = None
    bus: str | None = None
    sort: Sort = Sort.SECONDARY_ADDRESS
    descending: bool = False
    number: int = 1

    @classmethod
    def of(cls, address: Mapping[str, str]) -> Self:
        """Read the query of an address; what makes no sense is as if it were not there."""
        status, sort, number = address.get("status", ""), address.get("sort", ""), address.get("page", "")
        return cls(
            text=address.get("text", "")[:LONGEST_TEXT].strip(),
            status=Status(status) if status in _STATUSES else None,
            medium=address.get("medium", "")[:_LONGEST_CHOICE] or None,
            bus=address.get("bus", "")[:_LONGEST_CHOICE] or None,
            sort=Sort(sort) if sort in _SORTS else Sort.SECONDARY_ADDRESS,
            descending=address.get("order") == "down",
            number=min(int(number), MAX_PAGES) if _is_number(number) else 1,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether less than the whole list is shown."""
        return bool(self.text or self.status or self.medium or self.bus)

    @property
    def query(self) -> Query:
        """What to ask the list for."""
        return replace(self.whole, offset=(self.number - 1) * PAGE, limit=PAGE)

    @property
    def whole(self) -> Query:
        """The same without pages."""
        return Query(
            text=self.text,
            status=self.status,
            medium=self.medium,
            bus=self.bus,
            sort=self.sort,
            descending=self.descending,
        )

    @property
    def arguments(self) -> dict[str, str]:
        """What stands in the address, without what is usual."""
        values = {
            "text": self.text,
            "status": self.status or "",
            "medium": self.medium or "",
            "bus": self.bus or "",
            "sort": "" if self.sort is Sort.SECONDARY_ADDRESS else self.sort.value,
            "order": "down" if self.descending else "",
            "page": str(self.number) if self.number > 1 else "",
        }
        return {name: str(value) for name, value in values.items() if value}

    def address(self, path: str = PATH, **more: str) -> str:
        """Give the address that shows this."""
        query = urlencode({**self.arguments, **more})
        return f"{path}?{query}" if query else path


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: its title, and the address that sorts by it or turns the order round.

    :ivar order: as ``aria-sort`` says it; empty where the list is not sorted by it.
    """

    name: str
    title: str
    address: str
    order: str


@dataclass(frozen=True, slots=True)
class ShownMeter:
    """One row, in the visitor's language.

    :ivar can_check: it has an address at which it can be asked why it does not answer.
    """

    number: int
    address: str
    secondary: str
    identification: str
    manufacturer: str
    version: str
    medium: str
    primary: str
    baud: str
    fabrication: str
    first_seen: str
    last_seen: str
    status: Sign
    remark: str
    note: str
    bus: str
    can_check: bool


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the pages before and after are; empty where there is none."""

    before: str
    after: str
    number: int
    count: int


def headings(view: ListView, *, with_bus: bool) -> tuple[Heading, ...]:
    """Give the columns from left to right."""
    return tuple(_heading(view, sort) for sort in Sort if with_bus or sort is not Sort.BUS)


def shown_meters(meters: Iterable[Meter]) -> tuple[ShownMeter, ...]:
    """Give rows as the page shows them."""
    return tuple(map(shown_meter, meters))


def shown_meter(meter: Meter) -> ShownMeter:
    """Give a row as the page shows it."""
    return ShownMeter(
        number=meter.id,
        address=address_text(meter),
        secondary=str(meter.secondary or ""),
        identification=meter.identification or "",
        manufacturer=meter.manufacturer or "",
        version="" if meter.version is None else str(meter.version),
        medium=medium_text(meter.medium),
        primary="" if meter.primary is None else str(meter.primary),
        baud="" if meter.baud is None else str(meter.baud),
        fabrication=meter.fabrication or "",
        first_seen=moment_text(meter, Stamp.FIRST_SEEN, meter.first_seen),
        last_seen=moment_text(meter, Stamp.LAST_SEEN, meter.last_seen),
        status=status_sign(meter.status),
        remark=phrase(meter.remark),
        note=meter.note,
        bus=meter.bus,
        can_check=needs_check(meter),
    )


def moment_text(meter: Meter, stamp: Stamp, moment: datetime | None) -> str:
    """Give a moment of a row, and say it where the clock was doubtful then."""
    if moment is None:
        return ""
    text = format_datetime(moment)
    return _("%(time)s (doubtful clock)") % {"time": text} if stamp in meter.doubts else text


def needs_check(meter: Meter) -> bool:
    """Tell whether it is worth asking why a meter does not answer."""
    return meter.status is not Status.ANSWERS and bool(meter.address)


def address_text(meter: Meter) -> str:
    """Name a meter by its secondary address, or by the primary one where nothing else is known."""
    if meter.secondary is not None:
        return str(meter.secondary)
    return _("address %(address)s") % {"address": "?" if meter.primary is None else meter.primary}


def pages(view: ListView, matching: int) -> Pages:
    """Give what is around the page that is shown."""
    count = max(1, -(-matching // PAGE))
    number = min(view.number, count)
    return Pages(
        before=replace(view, number=number - 1).address() if number > 1 else "",
        after=replace(view, number=number + 1).address() if number < count else "",
        number=number,
        count=count,
    )


def count_text(shown: int, matching: int, total: int) -> str:
    """Say how many rows there are, and how many of them are shown."""
    values = {
        "shown": format_number(shown),
        "matching": format_number(matching),
        "total": format_number(total),
    }
    if matching < total:
        return _("%(matching)s of %(total)s meters match.") % values
    if shown < matching:
        return _("%(shown)s of %(total)s meters on this page.") % values
    return _("Number of meters: %(total)s") % values


def _heading(view: ListView, sort: Sort) -> Heading:
    is_here = view.sort is sort
    turned = replace(view, sort=sort, descending=is_here and not view.descending, number=1)
    order = ("descending" if view.descending else "ascending") if is_here else ""
    return Heading(sort.value, column_text(sort.value), turned.address(), order)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) > 0
