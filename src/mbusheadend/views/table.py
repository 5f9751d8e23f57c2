"""Readings of a meter as a table: the newest first, chosen registers as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.values import Measured
from mbusheadend.judging.own_time import own_time
from mbusheadend.judging.words import status_of
from mbusheadend.store import Cursor, Store, StoredReading


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A reading.

    :ivar own: what the meter's own clock told.
    :ivar status: words of the status bytes (`mbusheadend.judging.words.STATUS`).
    :ivar values: in the order of the columns, None where the reading does not have one.
    """

    reading: StoredReading
    own: datetime | None
    status: tuple[str, ...]
    values: tuple[Measured | None, ...]


@dataclass(frozen=True, slots=True)
class ReadingTable:
    """Some readings; `after` leads to older ones, None where there are none."""

    registers: tuple[Register, ...]
    rows: tuple[ReadingRow, ...]
    after: Cursor | None


async def readings_table(
    store: Store,
    meter: int,
    registers: Sequence[Register],
    since: datetime,
    until: datetime,
    before: Cursor | None = None,
    limit: int = 50,
) -> ReadingTable:
    """Give readings of a time; raise `UnknownError`."""
    await store.meter(meter)
    page = await store.readings_back(meter, since, until, before=before, limit=limit)
    return ReadingTable(
        tuple(registers), tuple(row_of(reading, registers) for reading in page.readings), page.after
    )


def row_of(reading: StoredReading, registers: Sequence[Register]) -> ReadingRow:
    """Make a row of a reading."""
    known: dict[Register, Measured] = {}
    for telegram in reading.decoded:
        for measured in telegram.values:
            known.setdefault(measured.register, measured)
    return ReadingRow(
        reading,
        own_time(reading.decoded),
        tuple(sorted(status_of(reading))),
        tuple(known.get(register) for register in registers),
    )


def cursor_text(cursor: Cursor | None) -> str:
    """Write a cursor for an address; empty for none."""
    return "" if cursor is None else f"{cursor[0]}-{cursor[1]}"


def cursor_of(text: str) -> Cursor | None:
    """Read what `cursor_text` wrote; None for anything else."""
    first, _, second = text.partition("-")
    known = all(part.isascii() and part.isdecimal() and len(part) < 17 for part in (first, second))
    return (int(first), int(second)) if known else None
