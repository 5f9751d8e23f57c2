"""Rows of readings, read."""

from typing import Final

from mbusheadend.decoding.raw import unpack_frames
from mbusheadend.decoding.telegrams import unpack_telegrams
from mbusheadend.store.readings import StoredReading
from mbusheadend.store.sql.connection import Connection, Row
from mbusheadend.store.sql.intake import OUTCOMES
from mbusheadend.store.sql.interned import Readable
from mbusheadend.store.sql.moments import moment_of

DAY: Final = 86_400_000


def day_of(moment: int) -> int:
    """Give the number of a day as the indexes have it: databases cut a division off, also below 0."""
    return moment // DAY if moment >= 0 else -(-moment // DAY)


class Reader:
    """Reads rows, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.readable = Readable(connection)
        self._words: dict[int, str] = {}
        self._serials: dict[int, str] = {}

    def reading(self, row: Row, *, with_raw: bool = True) -> StoredReading:
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

    def frames(self, row: Row) -> tuple[bytes, ...] | None:
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
