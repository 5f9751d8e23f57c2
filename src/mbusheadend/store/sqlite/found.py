"""Rows of readings, found by meter and time, and read."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from mbusheadend.decoding.raw import unpack_frames
from mbusheadend.decoding.telegrams import unpack_telegrams
from mbusheadend.store.readings import Cursor, StoredReading
from mbusheadend.store.sqlite.intake import OUTCOMES
from mbusheadend.store.sqlite.interned import Readable
from mbusheadend.store.sqlite.moments import moment_of

DAY: Final = 86_400_000
_IN_DAY: Final = """
SELECT * FROM reading WHERE taken / 86400000 = ? AND meter = ? AND taken >= ? AND taken < ? ORDER BY taken, number
"""
_IN_DAY_BACKWARDS: Final = """
SELECT * FROM reading WHERE taken / 86400000 = ? AND meter = ? AND taken >= ? AND taken < ? ORDER BY taken DESC, number DESC
"""
_DAYS: Final = "SELECT taken / 86400000 FROM reading ORDER BY taken / 86400000"


def rows_of(
    connection: sqlite3.Connection, meter: int, since: int, until: int, after: Cursor | None = None
) -> Iterator[sqlite3.Row]:
    """Give a meter's readings from `since` to before `until` in their order; with `after` those behind a page."""
    first, last = _days(connection, max(since, after[0]) if after else since, until)
    for day in range(first, last + 1):
        for row in connection.execute(_IN_DAY, (day, meter, since, until)):
            if after is None or (row["taken"], row["number"]) > after:
                yield row


def rows_before(connection: sqlite3.Connection, meter: int, since: int, until: int) -> Iterator[sqlite3.Row]:
    """Give a meter's readings, the newest first."""
    first, last = _days(connection, since, until)
    for day in range(last, first - 1, -1):
        yield from connection.execute(_IN_DAY_BACKWARDS, (day, meter, since, until))


def _days(connection: sqlite3.Connection, since: int, until: int) -> tuple[int, int]:
    """Give the first and the last day in which there can be anything."""
    lowest = connection.execute(f"{_DAYS} LIMIT 1").fetchone()
    highest = connection.execute(f"{_DAYS} DESC LIMIT 1").fetchone()
    if lowest is None:
        return 0, -1
    return max(lowest[0], since // DAY), min(highest[0], (until - 1) // DAY)


class Reader:
    """Reads rows, within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.readable = Readable(connection)
        self._words: dict[int, str] = {}
        self._serials: dict[int, str] = {}

    def reading(self, row: sqlite3.Row, *, with_raw: bool = True) -> StoredReading:
        """Read a row; raise `PackedError` where it was damaged."""
        taken = row["taken"]
        return StoredReading(
            row["id"].hex(),
            row["meter"],
            self._serial(row["master"]),
            self.word(row["schedule"]),
            moment_of(taken + row["slot"]),
            moment_of(taken),
            moment_of(taken + row["received"]),
            self.word(row["clock"]),
            OUTCOMES[row["outcome"]],
            row["attempts"],
            row["baud"],
            row["remark"] or "",
            row["decoder"],
            self.frames(row) if with_raw else None,
            tuple(unpack_telegrams(row["said"], self.readable)) if row["said"] else (),
        )

    def frames(self, row: sqlite3.Row) -> tuple[bytes, ...] | None:
        """Give the raw telegrams; None where there were some and they were given up."""
        if row["raw"] is None:
            return None if row["said"] else ()
        return tuple(unpack_frames(row["raw"], self.readable.base))

    def word(self, number: int) -> str:
        """Give a word by its number."""
        if number not in self._words:
            row = self._connection.execute("SELECT text FROM word WHERE id = ?", (number,)).fetchone()
            self._words[number] = "" if row is None else row["text"]
        return self._words[number]

    def _serial(self, number: int) -> str:
        if number not in self._serials:
            row = self._connection.execute("SELECT serial FROM master WHERE id = ?", (number,)).fetchone()
            self._serials[number] = "" if row is None else row["serial"]
        return self._serials[number]
