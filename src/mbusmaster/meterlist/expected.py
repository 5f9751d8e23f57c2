"""The meters that should be on the buses, as the installer's list has them. It is kept apart from what was found."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mbus.addressing import SecondaryAddress
from mbusio.meterfile import ImportReport, Problem, write_table
from mbusmaster.meterlist.database import Database, moment_of, moment_text
from mbusmaster.meterlist.diagnosis import Verdict
from mbusmaster.meterlist.doubt import NO_DOUBTS, Doubts, Stamp, doubts_of, doubts_text, restamped
from mbusmaster.meterlist.entry import Entry, ReadFile, read_file
from mbusmaster.meterlist.meter import LONGEST_REMARK, MAX_METERS, Status, manufacturer_of, version_of
from mbusmaster.meterlist.rows import primary_of, secondary_of
from mbusmaster.meterlist.ticker import Ticker

COLUMNS = (
    "secondary_address",
    "identification",
    "manufacturer",
    "version",
    "medium",
    "primary_address",
    "baud_rate",
    "fabrication_number",
    "note",
    "bus",
)


@dataclass(frozen=True, slots=True)
class ExpectedMeter:
    """One meter that should be there; None stands for what the list does not say.

    :ivar status: what was seen when it was looked for, as long as no meter of the meter list is this one.
    """

    id: int
    bus: str
    secondary: SecondaryAddress | None = None
    primary: int | None = None
    medium: str | None = None
    baud: int | None = None
    fabrication: str | None = None
    note: str = ""
    status: Status = Status.NOT_ASKED
    checked: datetime | None = None
    remark: str = ""
    doubts: Doubts = NO_DOUBTS

    @property
    def address(self) -> str:
        """The secondary address where there is one, else the primary one."""
        if self.secondary is not None:
            return str(self.secondary)
        return "" if self.primary is None else str(self.primary)


class ExpectedMeters:
    """The list of expected meters, in the file of the meter list."""

    def __init__(
        self,
        database: Database,
        meters: Iterable[ExpectedMeter],
        ticker: Ticker,
        clock: Callable[[], datetime],
        is_doubtful: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._ticker = ticker
        self._clock = clock
        self._is_doubtful = is_doubtful
        self._meters = {meter.id: meter for meter in meters}

    def __len__(self) -> int:
        """Number of expected meters."""
        return len(self._meters)

    def meters(self, bus: str | None = None) -> tuple[ExpectedMeter, ...]:
        """Give them all in the order of their file, of one bus or of all."""
        return tuple(meter for meter in tuple(self._meters.values()) if bus in (None, meter.bus))

    def import_csv(
        self, data: bytes, *, bus: str, buses: Iterable[str] | None = None, partial: bool = False
    ) -> ImportReport:
        """Read a file (`read_file`) and take its meters (`take`)."""
        return self.take(read_file(data, bus=bus, buses=buses), partial=partial)

    def take(self, read: ReadFile, *, partial: bool = False) -> ImportReport:
        """Take the list of a file in place of the one before; as in `MeterList.take` one with problems is not taken."""
        report = read.report
        if not read.entries and not report.problems:
            report = report.with_problems((Problem(0, "", "it has no meters"),))
        is_taken = bool(read.entries) and (partial or not report.problems)
        if is_taken:
            self._replace([_of_entry(entry) for entry in read.entries[:MAX_METERS]])
        return replace(report, taken=is_taken, added=len(read.entries))

    def to_csv(self) -> bytes:
        """Give the list as a file that can be imported again."""
        return write_table(COLUMNS, map(_cells, self._meters.values()))

    def clear(self) -> int:
        """Expect nothing any more; give how many were expected."""
        count = len(self._meters)
        self._replace(())
        return count

    def conclude(self, number: int, verdict: Verdict) -> ExpectedMeter | None:
        """Enter what a check has found out about a meter that the meter list does not have; None where it is gone."""
        meter = self._meters.get(number)
        if meter is None:
            return None
        now = self._clock().replace(microsecond=0)
        remark = verdict.remark[:LONGEST_REMARK]
        doubts = restamped(meter.doubts, (Stamp.CHECKED,), doubtful=self._is_doubtful())
        changed = replace(meter, status=verdict.status, checked=now, remark=remark, doubts=doubts)
        with self._database.change() as file:
            file.execute(
                "UPDATE expected SET status = ?, checked = ?, remark = ?, doubts = ? WHERE id = ?",
                (str(changed.status), moment_text(now), remark, doubts_text(doubts), number),
            )
        self._meters[number] = changed
        self._ticker.tick()
        return changed

    def _replace(self, meters: Iterable[ExpectedMeter]) -> None:
        stored: dict[int, ExpectedMeter] = {}
        with self._database.change() as file:
            file.execute("DELETE FROM expected")
            for meter in meters:
                number = _insert(file, meter)
                stored[number] = replace(meter, id=number)
        self._meters = stored
        self._ticker.tick()


def load_expected(connection: sqlite3.Connection) -> list[ExpectedMeter]:
    """Read every expected meter; raise `ValueError` for what no meter can be."""
    return [
        ExpectedMeter(
            row["id"],
            row["bus"],
            secondary_of(row["secondary"]),
            primary_of(row["primary_address"]),
            row["medium"],
            row["baud"],
            row["fabrication"],
            row["note"],
            Status(row["status"]),
            moment_of(row["checked"]),
            row["remark"],
            doubts_of(row["doubts"]),
        )
        for row in connection.execute("SELECT * FROM expected ORDER BY id")
    ]


def _insert(connection: sqlite3.Connection, meter: ExpectedMeter) -> int:
    cursor = connection.execute(
        "INSERT INTO expected (bus, secondary, primary_address, medium, baud, fabrication, note, status, checked, remark) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            meter.bus,
            None if meter.secondary is None else str(meter.secondary),
            meter.primary,
            meter.medium,
            meter.baud,
            meter.fabrication,
            meter.note,
            str(meter.status),
            moment_text(meter.checked),
            meter.remark,
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _of_entry(entry: Entry) -> ExpectedMeter:
    return ExpectedMeter(
        0,
        entry.bus,
        entry.secondary,
        entry.primary,
        entry.medium,
        entry.baud,
        entry.fabrication,
        entry.note or "",
    )


def _cells(meter: ExpectedMeter) -> Mapping[str, str]:
    secondary = meter.secondary
    is_whole = secondary is not None and secondary.is_unique
    values: dict[str, object] = {
        "secondary_address": secondary if is_whole else None,
        "identification": None if secondary is None else secondary.identification,
        "manufacturer": manufacturer_of(secondary),
        "version": version_of(secondary),
        "medium": meter.medium,
        "primary_address": meter.primary,
        "baud_rate": meter.baud,
        "fabrication_number": meter.fabrication,
        "note": meter.note,
        "bus": meter.bus,
    }
    return {name: "" if value is None else str(value) for name, value in values.items()}
