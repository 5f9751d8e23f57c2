"""The part of a long list that a browser shows, as its address says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self
from urllib.parse import urlencode

from mbusheadend.fleet.overview import UNREAD
from mbusheadend.store.browsing import MasterFilter, MasterSort, MeterFilter, MeterSort
from mbusweb.locale import format_number
from mbusweb.locale import gettext as _

PAGE: Final = 50
"""Rows at a time."""
MAX_PAGES: Final = 10_000
LONGEST_TEXT: Final = 100
MASTERS: Final = "/masters"
METERS: Final = "/meters"


@dataclass(frozen=True, slots=True)
class ListAddress:
    """What stands in the address of a list, cleaned: by name, without what is usual.

    :ivar path: of the page.
    :ivar number: of the page of the list, from 1.
    """

    path: str
    values: Mapping[str, str] = field(default_factory=dict)
    number: int = 1

    @classmethod
    def of(cls, path: str, address: Mapping[str, str], names: tuple[str, ...]) -> Self:
        """Read an address; other names than these, and what is too long, are as if they were not there."""
        number = address.get("page", "")
        known = number.isascii() and number.isdecimal() and len(number) <= 5
        values = {name: address.get(name, "")[:LONGEST_TEXT].strip() for name in names}
        return cls(
            path,
            {name: value for name, value in values.items() if value and value.isprintable()},
            min(max(1, int(number) if known else 1), MAX_PAGES),
        )

    def get(self, name: str) -> str:
        """Give a value, empty where there is none."""
        return self.values.get(name, "")

    @property
    def offset(self) -> int:
        """How many rows are in front of the page."""
        return (self.number - 1) * PAGE

    @property
    def is_descending(self) -> bool:
        """Whether it is sorted the other way round."""
        return self.get("order") == "down"

    def is_filtered(self, *names: str) -> bool:
        """Tell whether less than the whole list is shown."""
        return any(self.get(name) for name in names)

    def address(self, path: str = "") -> str:
        """Give the address that shows this, or the same part at another path."""
        values = dict(self.values)
        if self.number > 1:
            values["page"] = str(self.number)
        path = path or self.path
        return f"{path}?{urlencode(values)}" if values else path

    def at_page(self, number: int) -> Self:
        """Give the same list at another page."""
        return replace(self, number=number)

    def with_value(self, name: str, value: str) -> Self:
        """Give the beginning of the list with another value, or without it."""
        values = {**self.values, name: value}
        return replace(self, values={key: one for key, one in values.items() if one}, number=1)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column.

    :ivar address: that sorts by it, or turns the order round; empty where nothing sorts by it.
    :ivar order: as ``aria-sort`` says it; empty where the list is not sorted by it.
    """

    name: str
    title: str
    address: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the pages before and after are; empty where there is none."""

    before: str
    after: str
    number: int
    count: int


def masters_address(address: Mapping[str, str]) -> ListAddress:
    """Read the address of the list of masters."""
    return ListAddress.of(MASTERS, address, ("text", "group", "show", "sort", "order"))


def meters_address(address: Mapping[str, str]) -> ListAddress:
    """Read the address of the list of meters."""
    names = ("text", "master", "group", "medium", "status", "show", "sort", "order")
    return ListAddress.of(METERS, address, names)


def master_filter(view: ListAddress, heard_since: datetime) -> MasterFilter:
    """Say what an address wants; who did not call from `heard_since` on is overdue."""
    sort = view.get("sort")
    return MasterFilter(
        text=view.get("text"),
        group=view.get("group") or None,
        silent_since=heard_since if view.get("show") == "overdue" else None,
        has_alarm=True if view.get("show") == "alarms" else None,
        sort=MasterSort(sort) if sort in set(MasterSort) else MasterSort.SERIAL,
        descending=view.is_descending,
    )


def meter_filter(view: ListAddress, now: datetime) -> MeterFilter:
    """Say what an address wants."""
    sort, medium, show = view.get("sort"), view.get("medium"), view.get("show")
    known = medium.isascii() and medium.isdecimal() and len(medium) <= 3 and int(medium) < 256
    return MeterFilter(
        text=view.get("text"),
        master=view.get("master") or None,
        group=view.get("group") or None,
        medium=int(medium) if known else None,
        status=view.get("status") or None,
        unread_since=now - UNREAD if show == "unread" else None,
        has_alarm=True if show == "alarms" else None,
        has_key=True if show == "keys" else None,
        sort=MeterSort(sort) if sort in set(MeterSort) else MeterSort.IDENTITY,
        descending=view.is_descending,
    )


def headings(
    view: ListAddress, columns: tuple[tuple[str, str], ...], sortable: frozenset[str], usual: str
) -> tuple[Heading, ...]:
    """Give the columns, each by name and title; `usual` is the one by which the list is sorted if nothing is said."""
    chosen = view.get("sort") if view.get("sort") in sortable else usual
    return tuple(_heading(view, name, title, sortable, chosen) for name, title in columns)


def pages(view: ListAddress, matching: int) -> Pages:
    """Give what is around the page that is shown."""
    count = max(1, -(-matching // PAGE))
    number = min(view.number, count)
    return Pages(
        before=view.at_page(number - 1).address() if number > 1 else "",
        after=view.at_page(number + 1).address() if number < count else "",
        number=number,
        count=count,
    )


def last_page(view: ListAddress, matching: int) -> ListAddress:
    """Give the page that there still is: rows have gone since the address was made."""
    return view.at_page(pages(view, matching).number)


def count_text(shown: int, matching: int, total: int) -> str:
    """Say how many rows there are, and how many of them are shown."""
    values = {
        "shown": format_number(shown),
        "matching": format_number(matching),
        "total": format_number(total),
    }
    if matching < total and shown < matching:
        return _("%(matching)s of %(total)s match, %(shown)s of them on this page.") % values
    if matching < total:
        return _("%(matching)s of %(total)s match.") % values
    if shown < matching:
        return _("%(total)s, of which %(shown)s are on this page.") % values
    return ""


def _heading(view: ListAddress, name: str, title: str, sortable: frozenset[str], chosen: str) -> Heading:
    if name not in sortable:
        return Heading(name, title)
    is_here = name == chosen
    turned = view.with_value("sort", name).with_value(
        "order", "down" if is_here and not view.is_descending else ""
    )
    order = ("descending" if view.is_descending else "ascending") if is_here else ""
    return Heading(name, title, turned.address(), order)
