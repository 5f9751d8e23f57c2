"""What a file would change in the meter list: decided first, so that a file with problems changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mbusio.meterfile import Problem
from mbusmaster.meterlist.doubt import Stamp
from mbusmaster.meterlist.entry import Entry
from mbusmaster.meterlist.merge import is_part_of, row_of
from mbusmaster.meterlist.meter import Meter, Rate, Status
from mbusmaster.meterlist.sighting import Sighting


@dataclass(frozen=True, slots=True)
class Step:
    """A row as it would be; number 0 is a new one."""

    line: int
    meter: Meter


@dataclass(frozen=True, slots=True)
class Plan:
    """All rows that a file is about."""

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]


def plan_import(meters: Iterable[Meter], entries: Iterable[Entry]) -> Plan:
    """Decide what becomes of each line; two lines for one row are a problem."""
    places = _Places(meters)
    problems: list[Problem] = []
    steps: list[Step] = []
    used: dict[int, int] = {}
    for entry in entries:
        row = row_of(places.near(entry), _as_sighting(entry))
        if row is not None and row.id in used:
            text = f"it is the meter of line {used[row.id]} once more"
            problems.append(Problem(entry.line, "", text))
            continue
        if row is not None:
            used[row.id] = entry.line
        steps.append(Step(entry.line, _added(entry) if row is None else _completed(row, entry)))
    return Plan(tuple(steps), tuple(problems))


class _Places:
    """Rows by what a line may have in common with them, so that a long file is not compared with all of them."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self._by_identification: dict[tuple[str, str], list[Meter]] = {}
        self._by_primary: dict[tuple[str, int], list[Meter]] = {}
        for meter in meters:
            if meter.identification is not None:
                self._by_identification.setdefault((meter.bus, meter.identification), []).append(meter)
            if meter.primary is not None:
                self._by_primary.setdefault((meter.bus, meter.primary), []).append(meter)

    def near(self, entry: Entry) -> list[Meter]:
        """Give the rows that a line may mean."""
        rows: list[Meter] = []
        if entry.secondary is not None:
            rows += self._by_identification.get((entry.bus, entry.secondary.identification), ())
        if entry.primary is not None:
            rows += self._by_primary.get((entry.bus, entry.primary), ())
        return sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)


def _as_sighting(entry: Entry) -> Sighting:
    # Whoever has a file by primary address only means the meter that is known there.
    status = Status.ACKNOWLEDGES if entry.secondary is None else Status.ANSWERS
    return Sighting(status, entry.secondary, entry.primary)


def _added(entry: Entry) -> Meter:
    first = entry.first_seen or entry.last_seen
    last = entry.last_seen or entry.first_seen
    status = Status.NOT_ASKED if last is None or entry.status is None else entry.status
    rates = () if entry.baud is None or last is None else (Rate(entry.baud, last, status.is_contact),)
    return Meter(
        0,
        entry.bus,
        entry.secondary,
        entry.primary,
        entry.medium,
        entry.fabrication,
        rates,
        first,
        last,
        status,
        last,
        "",
        entry.note or "",
        entry.doubts,
    )


def _completed(row: Meter, entry: Entry) -> Meter:
    """Fill what the list does not know; what a bus has told stays, and the file's note counts."""
    secondary = row.secondary
    if entry.secondary is not None and (secondary is None or is_part_of(secondary, entry.secondary)):
        secondary = entry.secondary
    taken = {
        Stamp.FIRST_SEEN: entry.first_seen is not None
        and (row.first_seen is None or entry.first_seen < row.first_seen),
        Stamp.LAST_SEEN: row.last_seen is None and entry.last_seen is not None,
    }
    foreign = frozenset(stamp for stamp, is_taken in taken.items() if is_taken)
    firsts = [moment for moment in (row.first_seen, entry.first_seen) if moment is not None]
    return replace(
        row,
        secondary=secondary,
        primary=entry.primary if row.primary is None else row.primary,
        medium=row.medium or entry.medium,
        fabrication=row.fabrication or entry.fabrication,
        first_seen=min(firsts, default=None),
        last_seen=row.last_seen or entry.last_seen,
        note=row.note if entry.note is None else entry.note,
        doubts=row.doubts - foreign | entry.doubts & foreign,
    )
