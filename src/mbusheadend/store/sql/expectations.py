"""What ought to be read: which meter by which schedule, from when to when; and what of it came.

An expectation begins when the master asks for its orders and gets the schedule, or when a meter joins its list; it ends when
schedule or meter go. So a schedule that was changed does not make gaps in the past.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from mbusheadend.filling.gaps import Source
from mbusheadend.store.readings import Completeness, Gap
from mbusheadend.store.sql.connection import Connection, Row
from mbusheadend.store.sql.found import DAY, Reader
from mbusheadend.store.sql.intake import OUTCOMES
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.schedules import schedules_for
from mbusheadend.store.viewing import Count
from mbushosting.readings import Outcome
from mbushosting.schedules import Schedule
from mbushosting.slots import Rule, UnknownZoneError, slots_between

LATE: Final = 7 * DAY
"""How long after its slot a reading may have been taken that still counts for it."""
_RULE: Final[TypeAdapter[Rule]] = TypeAdapter(Rule)


def renew(connection: Connection, master: Row, now: int) -> None:
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


def _is_read(schedule: Schedule, stay: Row) -> bool:
    return not schedule.meters or any(
        (name.bus, name.address) == (stay["bus"], stay["address"]) for name in schedule.meters
    )


@dataclass(slots=True)
class _Run:
    """Slots without a reading, one after the other."""

    schedule: str
    slots: list[int]
    outcome: Outcome | None


def expected_meters(
    connection: Connection,
    since: datetime,
    until: datetime,
    serial: str | None,
    chosen: frozenset[int] | None,
) -> tuple[int, ...]:
    """Give the meters that something was expected of in a time: at this master, among these."""
    rows = connection.execute(
        "SELECT DISTINCT meter FROM expectation WHERE since < ?1 AND (until IS NULL OR until > ?2)"
        " AND (?3 IS NULL OR master = (SELECT id FROM master WHERE serial = ?3)) ORDER BY meter",
        (stored(until), stored(since), serial),
    )
    return tuple(row["meter"] for row in rows.fetchall() if chosen is None or row["meter"] in chosen)


def completeness_of(connection: Connection, meter: int, since: datetime, until: datetime) -> Completeness:
    """Compare what was expected of a meter in a time with what came."""
    expected = received = from_memory = 0
    gaps: list[Gap] = []
    for schedule, slots in _judged(connection, meter, stored(since), stored(until)):
        run = _Run(schedule, [], None)
        for slot in slots:
            expected += 1
            received += slot.is_received
            from_memory += slot.is_recalled
            if slot.is_received or slot.is_recalled:
                _finish(run, meter, gaps)
            else:
                run.slots.append(slot.at)
                run.outcome = slot.outcome
        _finish(run, meter, gaps)
    return Completeness(
        meter, expected, received, tuple(sorted(gaps, key=lambda gap: (gap.first, gap.schedule))), from_memory
    )


def counts_of(connection: Connection, meter: int, edges: Sequence[datetime]) -> tuple[Count, ...]:
    """Count what was expected of a meter and what came between each two edges."""
    times = [stored(edge) for edge in edges]
    counts = [[0, 0, 0] for _ in times[1:]]
    for _, slots in _judged(connection, meter, times[0], times[-1]):
        for slot in slots:
            count = counts[bisect_right(times, slot.at) - 1]
            count[0] += 1
            count[1] += slot.is_received
            count[2] += slot.is_recalled
    return tuple(Count(*count) for count in counts)


class _Slot(NamedTuple):
    """A slot for which a reading was expected.

    :ivar outcome: of the last attempt, None where nothing came at all.
    """

    at: int
    outcome: Outcome | None
    is_received: bool
    is_recalled: bool


def _judged(
    connection: Connection, meter: int, begin: int, end: int
) -> Iterator[tuple[str, Iterator[_Slot]]]:
    """Give for each schedule what became of its slots, in order."""
    reader = Reader(connection)
    outcomes: dict[tuple[str, int], Outcome] = {}
    for row in connection.readings_of(meter, begin - DAY, end + LATE):
        key = (reader.word(row["schedule"]), row["taken"] + row["slot"])
        outcome = OUTCOMES[row["outcome"]]
        if outcomes.get(key) is not Outcome.OK:
            outcomes[key] = outcome
    recalled = _filled(connection, meter, begin, end, outcomes)

    def judged(schedule: str, slots: tuple[int, ...]) -> Iterator[_Slot]:
        for slot in slots:
            outcome = outcomes.get((schedule, slot))
            is_received = outcome is Outcome.OK
            yield _Slot(slot, outcome, is_received, not is_received and (schedule, slot) in recalled)

    for schedule, slots in _expected(connection, meter, begin, end):
        yield schedule, judged(schedule, slots)


def _filled(
    connection: Connection, meter: int, begin: int, end: int, outcomes: dict[tuple[str, int], Outcome]
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
    connection: Connection, meter: int, since: int, until: int
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
        found.setdefault(row["schedule"], set()).update(slots_of_rule(row["rule"], begin, end))
    for schedule, slots in sorted(found.items()):
        yield schedule, tuple(sorted(slots))


@lru_cache(4096)
def slots_of_rule(rule: str, since: int, until: int) -> tuple[int, ...]:
    """Give the slots of a rule; none where this machine does not know its zone."""
    try:
        return tuple(
            map(stored, slots_between(_RULE.validate_json(rule), moment_of(since), moment_of(until)))
        )
    except UnknownZoneError:
        return ()
