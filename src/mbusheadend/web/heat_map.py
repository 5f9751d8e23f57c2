"""Completeness by day as a table whose cells are coloured; each says its numbers too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mbusheadend.store.viewing import Count
from mbusheadend.views.complete import Complete, share
from mbusheadend.views.spans import zone_of
from mbusweb.locale import format_date, format_number
from mbusweb.locale import gettext as _

_LOOKS: Final = ((1.0, "share-4"), (0.95, "share-3"), (0.7, "share-2"), (0.0001, "share-1"))


def look_of(count: Count) -> str:
    """Give the class of a cell."""
    part = share(count)
    if part is None:
        return "share-none"
    return next((look for least, look in _LOOKS if part >= least), "share-0")


def legend() -> list[tuple[str, str]]:
    """Explain the classes, from the best to the worst."""
    return [
        ("share-4", _("all")),
        ("share-3", _("from 95 %")),
        ("share-2", _("from 70 %")),
        ("share-1", _("some")),
        ("share-0", _("none")),
        ("share-none", _("nothing expected")),
    ]


def count_text(count: Count) -> str:
    """Say received against expected."""
    if not count.expected:
        return _("nothing expected")
    said = _("%(received)s of %(expected)s") % {
        "received": format_number(count.received),
        "expected": format_number(count.expected),
    }
    if not count.recalled:
        return said
    recalled = _("%(count)s from the memory") % {"count": format_number(count.recalled)}
    return f"{said}, {recalled}"


def share_text(count: Count) -> str:
    """Give received as a share of expected; never 100 % where something is missing."""
    part = share(count)
    if part is None:
        return "–"
    tenths = int(part * 1000)
    return f"{format_number(tenths // 10 if tenths % 10 == 0 else tenths / 10)} %"


def days_texts(edges: Sequence[datetime], zone: str) -> list[str]:
    """Name the days between edges."""
    place = zone_of(zone)
    return [format_date(edge.astimezone(place).date()) for edge in edges[:-1]]


def heat_row(complete: Complete, days: Sequence[str]) -> dict[str, object]:
    """Give the cells of a row, and its sum."""
    total = complete.total
    return {
        "cells": [
            (look_of(count), f"{day}: {count_text(count)}")
            for count, day in zip(complete.days, days, strict=True)
        ],
        "share": share_text(total),
        "count": count_text(total),
        "missing": total.expected - total.received - total.recalled,
    }
