"""Readings as rows: what waits, what is kept as history, what goes out again."""

import base64
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum
from typing import Final

from mbushosting.readings import Outcome, Reading
from mbusmaster.hosting.database import milliseconds_of, moment_at, seconds_of
from mbusmaster.hosting.packing import Patterns, pack, unpack
from mbusmaster.hosting.taken import Taken

PURGE_STEP: Final = 5000
"""Rows that are changed in one transaction, so that a reading never waits long for its turn."""
UNREADABLE: Final = "what was kept of it cannot be read any more"
OUTCOMES: Final = tuple(Outcome)
"""By the number under which they are kept: new ones are added behind."""
_SELECT: Final = """
SELECT seq, reading.id, meter.bus, meter.address, wanted.text AS schedule, slot, taken, quality.text AS clock, outcome,
    attempts, reading.baud, said.text AS remark, reading.pattern IS NOT NULL AS has_pattern, pattern.data AS pattern, telegrams
FROM reading JOIN meter ON meter.id = reading.meter JOIN name AS wanted ON wanted.id = reading.schedule
    JOIN name AS quality ON quality.id = reading.clock LEFT JOIN name AS said ON said.id = reading.remark
    LEFT JOIN pattern ON pattern.id = reading.pattern
"""


class State(IntEnum):
    """What becomes of a row next."""

    WAITING = 0
    """The head-end does not have it."""
    KEPT = 1
    """History."""
    AGAIN = 2
    """History that the head-end wants once more."""


def insert(connection: sqlite3.Connection, taken: Taken, id: bytes, patterns: Patterns) -> None:
    """Add a reading that waits."""
    meter = meter_number(connection, taken.bus, taken.meter)
    pattern, packed = _packed(connection, meter, taken.frames, patterns)
    connection.execute(
        "INSERT INTO reading (id, meter, schedule, slot, taken, clock, outcome, attempts, baud, remark, pattern, telegrams,"
        " state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            id,
            meter,
            name_number(connection, taken.schedule),
            seconds_of(taken.slot),
            milliseconds_of(taken.taken),
            name_number(connection, taken.clock),
            OUTCOMES.index(taken.outcome),
            taken.attempts,
            taken.baud,
            name_number(connection, taken.remark) if taken.remark else None,
            pattern,
            packed,
        ),
    )


def oldest(connection: sqlite3.Connection, state: State, limit: int) -> list[tuple[int, Reading]]:
    """Give the first readings of a state, with their row numbers."""
    rows = connection.execute(f"{_SELECT} WHERE state = ? ORDER BY seq LIMIT ?", (state, limit))
    return [(row["seq"], _reading(row)) for row in rows]


def keep(connection: sqlite3.Connection, rows: Iterable[int]) -> int:
    """The head-end has these: they are history; give how many of them waited until now."""
    waited = 0
    for seq in rows:
        waited += connection.execute(
            "UPDATE reading SET state = 1 WHERE seq = ? AND state = 0", (seq,)
        ).rowcount
        connection.execute("UPDATE reading SET state = 1 WHERE seq = ? AND state = 2", (seq,))
    return waited


def send_again(
    connection: sqlite3.Connection, since: int, until: int, meters: Collection[tuple[str, str]]
) -> int:
    """Let history of a time, in milliseconds, of some meters or of all go out again; give how many readings, a step at most."""
    numbers = [meter_number(connection, bus, address) for bus, address in meters]
    among = f"AND meter IN ({','.join('?' * len(numbers))})" if numbers else ""
    return connection.execute(
        f"UPDATE reading SET state = 2 WHERE seq IN (SELECT seq FROM reading"  # noqa: S608 - question marks
        f" WHERE taken >= ? AND taken < ? AND state = 1 {among} LIMIT {PURGE_STEP})",
        (since, until, *numbers),
    ).rowcount


def purge(connection: sqlite3.Connection, before: int) -> int:
    """Take history out that is older than a moment, in milliseconds; give how many rows, a step at most."""
    return connection.execute(
        f"DELETE FROM reading WHERE seq IN (SELECT seq FROM reading WHERE taken < ? AND state = 1 LIMIT {PURGE_STEP})",  # noqa: S608
        (before,),
    ).rowcount


def drop_oldest(connection: sqlite3.Connection, state: State, limit: int) -> int:
    """Take the first readings of a state out; give how many."""
    return connection.execute(
        "DELETE FROM reading WHERE seq IN (SELECT seq FROM reading WHERE state = ? ORDER BY seq LIMIT ?)",
        (state, limit),
    ).rowcount


def tidy(connection: sqlite3.Connection) -> None:
    """Take patterns, names and meters out that no reading needs any more."""
    connection.execute(
        "DELETE FROM pattern WHERE id NOT IN (SELECT pattern FROM reading WHERE pattern IS NOT NULL)"
    )
    connection.execute(
        "DELETE FROM name WHERE id NOT IN (SELECT schedule FROM reading UNION SELECT clock FROM reading"
        " UNION SELECT remark FROM reading WHERE remark IS NOT NULL)"
    )
    connection.execute("DELETE FROM meter WHERE baud IS NULL AND id NOT IN (SELECT meter FROM reading)")


def count(connection: sqlite3.Connection) -> dict[State, int]:
    """Count the readings of each state."""
    found = dict(connection.execute("SELECT state, count(*) FROM reading GROUP BY state").fetchall())
    return {state: found.get(state, 0) for state in State}


def first_taken(connection: sqlite3.Connection, state: State) -> int | None:
    """Tell when the first reading of a state was taken, in milliseconds."""
    row = connection.execute(
        "SELECT taken FROM reading WHERE state = ? ORDER BY seq LIMIT 1", (state,)
    ).fetchone()
    return None if row is None else row[0]


def last_row(connection: sqlite3.Connection) -> int:
    """Give the number of the newest row, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM reading").fetchone()[0])


def read_since(connection: sqlite3.Connection, schedule: str, slot: int, row: int) -> set[tuple[str, str]]:
    """Tell which meters have a reading for a slot behind a row."""
    rows = connection.execute(
        "SELECT bus, address FROM reading JOIN meter ON meter.id = reading.meter"
        " WHERE seq > ? AND slot = ? AND schedule = (SELECT id FROM name WHERE text = ?)",
        (row, slot, schedule),
    )
    return {(bus, address) for bus, address in rows}


def answered_since(connection: sqlite3.Connection, moment: int) -> dict[tuple[str, str], int]:
    """Tell how often each meter has answered since a moment, in milliseconds."""
    rows = connection.execute(
        "SELECT bus, address, count(*) FROM reading JOIN meter ON meter.id = reading.meter"
        " WHERE taken >= ? AND telegrams IS NOT NULL GROUP BY meter",
        (moment,),
    )
    return {(bus, address): number for bus, address, number in rows}


def used_bytes(connection: sqlite3.Connection) -> int:
    """Tell how much of the file is in use."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def meter_number(connection: sqlite3.Connection, bus: str, address: str) -> int:
    """Give the number of a meter, a new one where it has none."""
    return _number(connection, "meter", "bus, address", (bus, address))


def name_number(connection: sqlite3.Connection, text: str) -> int:
    """Give the number of a word that comes again and again."""
    return _number(connection, "name", "text", (text,))


def _number(connection: sqlite3.Connection, table: str, columns: str, values: Sequence[str]) -> int:
    marks = ", ".join("?" * len(values))
    row = connection.execute(
        f"SELECT id FROM {table} WHERE ({columns}) = ({marks})",  # noqa: S608 - names of our own
        values,
    ).fetchone()
    if row is None:
        row = connection.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING id",  # noqa: S608
            values,
        ).fetchone()
    return int(row[0])


def _packed(
    connection: sqlite3.Connection, meter: int, frames: Sequence[bytes], patterns: Patterns
) -> tuple[int | None, bytes | None]:
    if not frames:
        return None, None
    if not patterns.knows(meter):
        rows = connection.execute("SELECT id, data FROM pattern WHERE meter = ? ORDER BY id", (meter,))
        patterns.learn(meter, [(row["id"], row["data"]) for row in rows])
    data = b"".join(frames)
    found = patterns.find(meter, data)
    if found is None:
        row = connection.execute(
            "INSERT INTO pattern (meter, data) VALUES (?, ?) RETURNING id", (meter, data)
        ).fetchone()
        found = row["id"], data
        patterns.add(meter, *found)
    return found[0], pack(frames, found[1])


def _reading(row: sqlite3.Row) -> Reading:
    outcome, remark = OUTCOMES[row["outcome"]], row["remark"] or ""
    frames: tuple[bytes, ...] = ()
    if row["telegrams"] is not None:
        try:
            if row["has_pattern"] and row["pattern"] is None:
                raise ValueError("its pattern is gone")
            frames = unpack(row["telegrams"], row["pattern"])
        except ValueError:
            outcome, remark = Outcome.GARBLED, UNREADABLE
    return Reading(
        id=row["id"].hex(),
        bus=row["bus"],
        meter=row["address"],
        schedule=row["schedule"],
        slot=moment_at(1000 * row["slot"]),
        taken=moment_at(row["taken"]),
        clock=row["clock"],
        outcome=outcome,
        attempts=row["attempts"],
        baud=row["baud"],
        telegrams=tuple(base64.b64encode(frame) for frame in frames),
        remark=remark,
    )
