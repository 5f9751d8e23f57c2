"""The meter list: which meters were found on which bus. A scan adds and updates; only a person removes (guide 3.1).

The rows are in memory, so that pages cost no disk; every change is on the disk before it shows, and takes as long as the disk
needs to keep a few hundred bytes. Changes belong to one thread; what only looks (`meters`, `select`, `to_csv`) may be called from
others.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mbusio.meterfile import ImportReport, Problem
from mbusmaster.meterlist.csvfile import write_meters
from mbusmaster.meterlist.database import Database
from mbusmaster.meterlist.diagnosis import Verdict
from mbusmaster.meterlist.doubt import Stamp, restamped
from mbusmaster.meterlist.entry import ReadFile, read_file
from mbusmaster.meterlist.errors import ListFullError, MeterRefusedError
from mbusmaster.meterlist.expected import ExpectedMeters, load_expected
from mbusmaster.meterlist.importing import Step, plan_import
from mbusmaster.meterlist.merge import is_placeholder, merged, row_of, with_rate
from mbusmaster.meterlist.meter import LONGEST_REMARK, MAX_METERS, Meter, checked_note
from mbusmaster.meterlist.query import Page, Query, select
from mbusmaster.meterlist.rows import insert_meter, load_meters, update_meter
from mbusmaster.meterlist.sighting import Sighting
from mbusmaster.meterlist.ticker import Listener, Ticker


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row into which a sighting was entered."""

    meter: Meter
    is_new: bool


class MeterList:
    """The meters of all buses.

    :param path: of the file, by custom ``meters.db`` in the state folder; the folder must exist.
    :param clock: the time now, with a zone; :param is_doubtful: whether it may be wrong by any amount.
    :ivar expected: the meters that should be there, in the same file.

    Raise `MeterListError` where the file can neither be opened nor replaced.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime], is_doubtful: Callable[[], bool] = lambda: False
    ) -> None:
        self._clock = clock
        self._is_doubtful = is_doubtful
        self._database = Database(path, clock, _read_all)
        with self._database.change() as file:
            self._meters = {meter.id: meter for meter in load_meters(file)}
            expected = load_expected(file)
        self._ticker = Ticker()
        self.expected = ExpectedMeters(self._database, expected, self._ticker, clock, is_doubtful)

    @property
    def problem(self) -> str:
        """What was wrong with the file at the start; empty where all was well."""
        return self._database.problem

    @property
    def revision(self) -> int:
        """Number of changes since the start, of the expected meters too."""
        return self._ticker.revision

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._meters)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the revision after every change; give what ends that."""
        return self._ticker.subscribe(listener)

    async def later_than(self, revision: int) -> int:
        """Wait for a revision newer than this; give it."""
        return await self._ticker.later_than(revision)

    def get(self, number: int) -> Meter | None:
        """Give a row by its number."""
        return self._meters.get(number)

    def meters(self, bus: str | None = None) -> tuple[Meter, ...]:
        """Give all rows, of one bus or of all."""
        return tuple(meter for meter in tuple(self._meters.values()) if bus in (None, meter.bus))

    def select(self, query: Query | None = None) -> Page:
        """Give the part of the list that is asked for."""
        return select(self._meters.values(), query or Query(), self.revision)

    def choices(self) -> dict[str, tuple[str, ...]]:
        """Give the values by which filtering makes sense now: ``status``, ``medium``, ``manufacturer``, ``bus``."""
        rows = self._meters.values()
        values = {
            "status": {str(row.status) for row in rows},
            "medium": {row.medium for row in rows if row.medium},
            "manufacturer": {row.manufacturer for row in rows if row.manufacturer},
            "bus": {row.bus for row in rows},
        }
        return {name: tuple(sorted(found)) for name, found in values.items()}

    def remove(self, numbers: Iterable[int]) -> int:
        """Take rows out; give how many were there."""
        gone = [number for number in dict.fromkeys(numbers) if number in self._meters]
        self._store((), gone)
        return len(gone)

    def clear(self, bus: str | None = None) -> int:
        """Take all rows out, of one bus or of all; give how many. The expected meters stay."""
        return self.remove([meter.id for meter in self.meters(bus)])

    def set_note(self, number: int, text: str) -> Meter:
        """Give a row the user's text; raise `MeterRefusedError` for a text or a row that cannot be."""
        meter = self._meters.get(number)
        if meter is None:
            raise MeterRefusedError("id", f"the list has no row {number} any more")
        changed = replace(meter, note=checked_note(text))
        if changed != meter:
            self._store((changed,))
        return changed

    def record(self, seen: Sighting, *, bus: str, baud: int, apart_from: Collection[int] = ()) -> Recorded:
        """Enter a meter that was seen at a rate (`merge` says into which row); raise `ListFullError`.

        :param apart_from: as in `row_of`.
        """
        rows = self.meters(bus)
        row = row_of(rows, seen, apart_from)
        is_new = row is None
        if row is None:
            self._expect_room(1)
            row = Meter(0, bus)
        # What stood for somebody at this address stood for this meter.
        absorbed = [other for other in rows if seen.is_reading and is_placeholder(other, seen.primary)]
        absorbed = [other for other in absorbed if other.id != row.id]
        note = row.note or next((other.note for other in absorbed if other.note), "")
        (stored,) = self._store(
            (replace(self._merged(row, seen, baud), note=note),), [other.id for other in absorbed]
        )
        return Recorded(stored, is_new)

    def record_unclear(self, seen: Sighting, *, bus: str, baud: int) -> tuple[Recorded, ...]:
        """Enter that something at a primary address cannot be read: into all rows there, or into a new one.

        Raise `ListFullError`.
        """
        here = [meter for meter in self.meters(bus) if meter.primary == seen.primary]
        if not here:
            return (self.record(seen, bus=bus, baud=baud),)
        changed = [self._merged(row, seen, baud) for row in here]
        return tuple(Recorded(meter, False) for meter in self._store(changed))

    def conclude(self, number: int, verdict: Verdict, *, asked: int) -> Meter | None:
        """Enter what a check has found out about a row; None where the row is gone.

        :param asked: the rate at which the meter was looked for.
        """
        meter = self._meters.get(number)
        if meter is None:
            return None
        now = self._now()
        rates = meter.rates
        for baud in verdict.silent_at:
            rates = with_rate(rates, baud, now, answers=False)
        changed = replace(meter, rates=rates)
        if verdict.sighting is not None:
            changed = self._merged(changed, verdict.sighting, verdict.answered_at or asked)
        remark = verdict.remark[:LONGEST_REMARK]
        doubts = restamped(changed.doubts, (Stamp.CHECKED,), doubtful=self._is_doubtful())
        changed = replace(changed, status=verdict.status, checked=now, remark=remark, doubts=doubts)
        (stored,) = self._store((changed,))
        return stored

    def to_csv(self, query: Query | None = None) -> bytes:
        """Give the list, or the part that is asked for, as a file (`csvfile`)."""
        return write_meters(self.select(query).meters)

    def import_csv(
        self, data: bytes, *, bus: str, buses: Iterable[str] | None = None, partial: bool = False
    ) -> ImportReport:
        """Read a file (`read_file`) and take its meters (`take`)."""
        return self.take(read_file(data, bus=bus, buses=buses), partial=partial)

    def take(self, read: ReadFile, *, partial: bool = False) -> ImportReport:
        """Take meters from a file: new ones are added, known ones completed; nothing that was seen is overwritten.

        A file with problems is not taken, unless `partial` says that the good lines should be.
        """
        plan = plan_import(self.meters(), read.entries)
        report = read.report.with_problems(plan.problems)
        steps = list(plan.steps)
        room = MAX_METERS - len(self._meters)
        added = [step for step in steps if step.meter.id == 0]
        if len(added) > room:
            text = f"the list has room for {room} more meters, and the file has {len(added)} new ones"
            report = report.with_problems((Problem(added[room].line, "", text),))
            surplus = {step.line for step in added[room:]}
            steps = [step for step in steps if step.line not in surplus]
        return self._take(steps, report, partial=partial)

    def _take(self, steps: Iterable[Step], report: ImportReport, *, partial: bool) -> ImportReport:
        steps = list(steps)
        new = sum(step.meter.id == 0 for step in steps)
        changed = [step.meter for step in steps if step.meter != self._meters.get(step.meter.id)]
        is_taken = partial or not report.problems
        if is_taken:
            self._store(changed)
        return replace(
            report,
            taken=is_taken,
            added=new,
            updated=len(changed) - new,
            unchanged=len(steps) - len(changed),
        )

    def _store(self, meters: Iterable[Meter], gone: Collection[int] = ()) -> tuple[Meter, ...]:
        """Write rows and take others out, on the disk first; rows with number 0 are new and get one."""
        stored: list[Meter] = []
        with self._database.change() as file:
            for number in gone:
                file.execute("DELETE FROM meter WHERE id = ?", (number,))
            for meter in meters:
                if meter.id:
                    update_meter(file, meter)
                    stored.append(meter)
                else:
                    stored.append(replace(meter, id=insert_meter(file, meter)))
        for number in gone:
            self._meters.pop(number, None)
        self._meters.update((meter.id, meter) for meter in stored)
        if stored or gone:
            self._ticker.tick()
        return tuple(stored)

    def _expect_room(self, count: int) -> None:
        if len(self._meters) + count > MAX_METERS:
            raise ListFullError(f"the meter list is full ({MAX_METERS} meters): remove some that are gone")

    def _merged(self, row: Meter, seen: Sighting, baud: int) -> Meter:
        return merged(row, seen, baud, self._now(), doubtful=self._is_doubtful())

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)


def _read_all(connection: sqlite3.Connection) -> None:
    load_meters(connection)
    load_expected(connection)
