"""What ought to be read: which meter by which schedule, from when to when; and what of it came.

An expectation begins when the master asks for its orders and gets the schedule, or when a meter joins its list; it ends when
schedule or meter go. So a schedule that was changed does not make gaps in the past.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter

from mbusheadend.filling.gaps import Source
from mbusheadend.store.readings import Completeness, Gap
from mbusheadend.store.sqlite.found import DAY, Reader, rows_of
from mbusheadend.store.sqlite.intake import OUTCOMES
from mbusheadend.store.sqlite.moments import moment_of, stored
from mbusheadend.store.sqlite.schedules import schedules_for
from mbushosting.readings import Outcome
from mbushosting.schedules import Schedule
from mbushosting.slots import Rule, UnknownZoneError, slots_between

LATE: Final = 7 * DAY
"""How long after its slot a reading may have been taken that still counts for it."""
_RULE: Final[TypeAdapter[Rule]] = TypeAdapter(Rule)


def renew(connection: sqlite3.Connection, master: sqlite3.Row, now: int) -> None:
    """Bring the expectations of a master in line with the schedules that it has and the meters that are there."""
    stays = connection.execute(
        "SELECT * FROM stay WHERE master = ? AND until IS NULL", (master["id"],)
    ).fetchall()
    wanted = {
        (stay["meter"], schedule.id, schedule.rule.model_dump_json())
        for schedule in schedules_for(connection, master)
        if schedule.enabled
        for stay in stays
        if _is_read(schedule, stay)
    }
    rows = connection.execute("SELECT * FROM expectation WHERE master = ? AND until IS NULL", (master["id"],))
    present = {(row["meter"], row["schedule"], row["rule"]): row["id"] for row in rows}
    connection.executemany(
        "UPDATE expectation SET until = ? WHERE id = ?",
        [(now, id) for key, id in present.items() if key not in wanted],
    )
    connection.executemany(
        "INSERT INTO expectation (master, meter, schedule, rule, since) VALUES (?, ?, ?, ?, ?)",
        [(master["id"], *key, now) for key in sorted(wanted - present.keys())],
    )


def _is_read(schedule: Schedule, stay: sqlite3.Row) -> bool:
    return not schedule.meters or any(
        (name.bus, name.address) == (stay["bus"], stay["address"]) for name in schedule.meters
    )


@dataclass(slots=True)
class _Run:
    """Slots without a reading, one after the other."""

    schedule: str
    slots: list[int]
    outcome: Outcome | None


def completeness_of(
    connection: sqlite3.Connection, meter: int, since: datetime, until: datetime
) -> Completeness:
    """Compare what was expected of a meter in a time with what came."""
    begin, end = stored(since), stored(until)
    reader = Reader(connection)
    outcomes: dict[tuple[str, int], Outcome] = {}
    for row in rows_of(connection, meter, begin - DAY, end + LATE):
        key = (reader.word(row["schedule"]), row["taken"] + row["slot"])
        outcome = OUTCOMES[row["outcome"]]
        if outcomes.get(key) is not Outcome.OK:
            outcomes[key] = outcome
    recalled = _filled(connection, meter, begin, end, outcomes)
    expected = received = from_memory = 0
    gaps: list[Gap] = []
    for schedule, slots in _expected(connection, meter, begin, end):
        run = _Run(schedule, [], None)
        for slot in slots:
            expected += 1
            outcome_of_slot = outcomes.get((schedule, slot))
            if outcome_of_slot is Outcome.OK:
                received += 1
                _finish(run, meter, gaps)
            elif (schedule, slot) in recalled:
                from_memory += 1
                _finish(run, meter, gaps)
            else:
                run.slots.append(slot)
                run.outcome = outcome_of_slot
        _finish(run, meter, gaps)
    return Completeness(
        meter, expected, received, tuple(sorted(gaps, key=lambda gap: (gap.first, gap.schedule))), from_memory
    )


def _filled(
    connection: sqlite3.Connection, meter: int, begin: int, end: int, outcomes: dict[tuple[str, int], Outcome]
) -> set[tuple[str, int]]:
    """Count slots for which the meter was read again as read; give those for which its memory was asked."""
    rows = connection.execute(
        "SELECT schedule, slot, source FROM filled WHERE meter = ? AND slot >= ? AND slot < ?",
        (meter, begin, end),
    )
    recalled = set()
    for row in rows:
        if row["source"] == Source.READ_AGAIN:
            outcomes[row["schedule"], row["slot"]] = Outcome.OK
        else:
            recalled.add((row["schedule"], row["slot"]))
    return recalled


def _finish(run: _Run, meter: int, gaps: list[Gap]) -> None:
    if run.slots:
        first, last = moment_of(run.slots[0]), moment_of(run.slots[-1])
        gaps.append(Gap(meter, run.schedule, first, last, len(run.slots), run.outcome))
    run.slots, run.outcome = [], None


def _expected(
    connection: sqlite3.Connection, meter: int, since: int, until: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the slots of each schedule, in order and each once."""
    found: dict[str, set[int]] = {}
    rows = connection.execute(
        "SELECT * FROM expectation WHERE meter = ? AND since < ? AND (until IS NULL OR until > ?)",
        (meter, until, since),
    )
    for row in rows.fetchall():
        begin = max(since, row["since"])
        end = until if row["until"] is None else min(until, row["until"])
        found.setdefault(row["schedule"], set()).update(_slots(row["rule"], begin, end))
    for schedule, slots in sorted(found.items()):
        yield schedule, tuple(sorted(slots))


@lru_cache(4096)
def _slots(rule: str, since: int, until: int) -> tuple[int, ...]:
    """Give the slots of a rule; none where this machine does not know its zone."""
    try:
        return tuple(
            map(stored, slots_between(_RULE.validate_json(rule), moment_of(since), moment_of(until)))
        )
    except UnknownZoneError:
        return ()
