"""Which row a sighting belongs to, and what becomes of that row.

====================================  =============================================================================
seen                                  belongs to
====================================  =============================================================================
a complete secondary address          the row that has it, whatever its primary address was
… that no row has                     the one row with the same identification that knows less of it; else what stood
                                      at the primary address and never said who it is; else a new row
an identification only                the row with that identification, at the same primary address
a response without identity           the row without identity at the same primary address
acknowledgements only                 the same; else the one row with that primary address
something unreadable                  every row with that primary address (`MeterList.record_unclear`)
====================================  =============================================================================

So two meters with one primary address are two rows, and one meter found by both kinds of search is one.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist.doubt import Stamp, restamped
from mbusmaster.meterlist.meter import LONGEST_REMARK, Meter, Rate, Status
from mbusmaster.meterlist.sighting import Sighting


def row_of(rows: Iterable[Meter], seen: Sighting, apart_from: Collection[int] = ()) -> Meter | None:
    """Give the row that a sighting on the same bus belongs to, None where it is a new one.

    :param apart_from: rows of meters without identity that were seen already: the next one is another.
    """
    rows = list(rows)
    if seen.secondary is not None:
        return _named(rows, seen.secondary, seen)
    here = [row for row in rows if row.primary == seen.primary and seen.primary is not None]
    for row in here:
        if row.secondary is None and row.id not in apart_from:
            return row
    return None if seen.is_reading else _only(here)


def is_placeholder(row: Meter, primary: int | None) -> bool:
    """Tell whether a row only says that something is at a primary address, and not who."""
    return (
        row.secondary is None
        and primary is not None
        and row.primary == primary
        and row.status is not Status.ANSWERS
    )


def merged(row: Meter, seen: Sighting, baud: int, now: datetime, *, doubtful: bool = False) -> Meter:
    """Give the row with what was just seen at a rate entered into it; nothing that is known is forgotten.

    :param doubtful: the clock may be wrong by any amount.
    """
    is_contact = seen.status.is_contact
    stamps = [Stamp.CHECKED]
    stamps += [Stamp.FIRST_SEEN] if row.first_seen is None else []
    stamps += [Stamp.LAST_SEEN] if is_contact or row.last_seen is None else []
    return replace(
        row,
        secondary=_fuller(row.secondary, seen.secondary),
        primary=row.primary if seen.primary is None else seen.primary,
        medium=seen.medium or row.medium,
        fabrication=seen.fabrication or row.fabrication,
        rates=with_rate(row.rates, baud, now, answers=is_contact),
        first_seen=row.first_seen or now,
        last_seen=now if is_contact or row.last_seen is None else row.last_seen,
        status=seen.status,
        checked=now,
        remark=seen.remark[:LONGEST_REMARK],
        doubts=restamped(row.doubts, stamps, doubtful=doubtful),
    )


def with_rate(rates: tuple[Rate, ...], baud: int, now: datetime, *, answers: bool) -> tuple[Rate, ...]:
    """Enter whether a meter answers at a rate; one at which it was never heard is not kept."""
    before = next((rate for rate in rates if rate.baud == baud), None)
    if answers:
        entered: tuple[Rate, ...] = (Rate(baud, now),)
    else:
        entered = () if before is None else (replace(before, answers=False),)
    others = (rate for rate in rates if rate.baud != baud)
    return tuple(sorted((*others, *entered), key=lambda rate: rate.baud))


def is_part_of(partial: SecondaryAddress, whole: SecondaryAddress) -> bool:
    """Tell whether an address that leaves fields open can be the whole one; the identification is never a guess."""
    return partial.identification == whole.identification and partial.matches(whole)


def _named(rows: list[Meter], secondary: SecondaryAddress, seen: Sighting) -> Meter | None:
    same = [row for row in rows if row.secondary == secondary]
    if not secondary.is_unique:
        # Old meters say an identification only; two with the same one differ in their primary address.
        same = [row for row in same if _may_be_at(row, seen.primary)]
    if same or not seen.is_reading:
        return same[0] if same else None
    fitting = [
        row
        for row in rows
        if row.secondary is not None
        and (is_part_of(row.secondary, secondary) or is_part_of(secondary, row.secondary))
        and _may_be_at(row, seen.primary)
    ]
    if fitting:
        return _only(fitting)
    return next((row for row in rows if is_placeholder(row, seen.primary)), None)


def _may_be_at(row: Meter, primary: int | None) -> bool:
    return row.primary is None or primary is None or row.primary == primary


def _fuller(old: SecondaryAddress | None, new: SecondaryAddress | None) -> SecondaryAddress | None:
    if old is None or new is None:
        return old if new is None else new
    return old if is_part_of(new, old) else new


def _only(rows: list[Meter]) -> Meter | None:
    return rows[0] if len(rows) == 1 else None
