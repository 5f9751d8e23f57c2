"""``mbus read URL LIST.csv``: read all meters of a list (guide 5.1, 5.2)."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from mbus.addressing import SecondaryAddress
from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import Telegram, decode_telegram
from mbus.link.frames import LongFrame, parse_frame
from mbus.procedures.persistent import ReadOutcome
from mbus.procedures.reading import named_by
from mbusio.cli.failure import CommandError
from mbusio.cli.progress import ProgressBar
from mbusio.cli.read import COLUMNS, TableOutput, is_usable, record_rows
from mbusio.cli.session import open_line
from mbusio.csvtext import CsvWriter
from mbusio.listreading import ListReading, Patience, read_list
from mbusio.meterfile import MAX_SIZE
from mbusio.meterimport import DEFAULT_BUS, ImportedMeter, read_meters

EXIT_FAILURE: Final = 1
PATIENCE: Final = ("min_baud", "max_baud", "timeout", "retries")
"""Options of that name."""
LIST_COLUMNS: Final = (*COLUMNS, "time", "outcome", "attempts", "baud", "note")


def run(options: argparse.Namespace) -> int:
    """Read; the exit code is 1 where a meter gave no whole reading, or a line of a list could not be read."""
    meters, is_whole = _meters(options)
    given = {name: getattr(options, name) for name in PATIENCE}
    try:
        patience = Patience(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise CommandError(str(error)) from error
    tally = Tally(len(meters))
    with _file(options.output) as file:
        try:
            asyncio.run(_read(options, meters, patience, _output(options, file), tally))
        finally:
            if not tally.is_complete:
                print(f"mbus: {tally}", file=sys.stderr)
    return 0 if tally.is_complete and tally.is_usable and is_whole else EXIT_FAILURE


@dataclass(slots=True)
class Tally:
    """How many meters had which outcome.

    :ivar is_usable: whether each whole reading is of some use.
    """

    of: int
    counts: Counter[ReadOutcome] = field(default_factory=Counter)
    is_usable: bool = True

    @property
    def done(self) -> int:
        """How many were asked."""
        return self.counts.total()

    @property
    def is_complete(self) -> bool:
        """Whether all of them gave a whole reading."""
        return self.counts[ReadOutcome.OK] == self.of

    def __str__(self) -> str:
        parts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items() if count)
        return f"{self.done} of {self.of} meters were asked" + (f": {parts}" if parts else "")


async def _read(
    options: argparse.Namespace,
    meters: list[ImportedMeter],
    patience: Patience,
    output: "Output",
    tally: Tally,
) -> None:
    async with open_line(options.url, baud=options.baud, trace=options.trace) as line:
        with Teller(len(meters)) as teller:
            teller.begin(meters[0])
            async for reading in read_list(line, meters, patience, lambda: datetime.now(UTC)):
                telegrams = _telegrams(reading, options.key)
                output.reading(reading, telegrams)
                tally.counts[reading.result.outcome] += 1
                tally.is_usable &= is_usable(reading.meter.address, telegrams)
                teller.reading(tally.done, reading, meters[tally.done] if tally.done < len(meters) else None)


def _meters(options: argparse.Namespace) -> tuple[list[ImportedMeter], bool]:
    """Give whom to read, and whether every line of the lists could be read."""
    meters: dict[tuple[str, str], ImportedMeter] = {}
    is_whole = True
    for target in options.addresses:
        if isinstance(target, Path):
            listed, is_good = _listed(target)
            is_whole &= is_good
        else:
            primary = None if isinstance(target, SecondaryAddress) else target
            listed = (ImportedMeter(options.bus or DEFAULT_BUS, str(target), primary, ""),)
        meters |= {(meter.bus, meter.address): meter for meter in listed}
    buses = sorted({meter.bus for meter in meters.values()})
    if options.bus is None and len(buses) > 1:
        raise CommandError(f"the list has meters on {', '.join(buses)}; say with --bus which of them this is")
    chosen = [meter for meter in meters.values() if options.bus in (None, meter.bus)]
    if not chosen:
        raise CommandError("there is no meter to read" + (f" on the bus {options.bus}" if buses else ""))
    return chosen, is_whole


def _listed(path: Path) -> tuple[tuple[ImportedMeter, ...], bool]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    file_read = read_meters(data)
    report = file_read.report
    for text in (*report.warnings, *map(str, report.problems)):
        print(f"mbus: {path}: {text}", file=sys.stderr)
    if report.problem_count > len(report.problems):
        print(f"mbus: {path}: {report.problem_count} problems in all", file=sys.stderr)
    return file_read.meters, not report.problem_count


@contextmanager
def _file(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        except OSError as error:
            raise CommandError(f"cannot write {path}: {error.strerror or error}") from error
        yield file


def _telegrams(reading: ListReading, key: bytes | None) -> tuple[Telegram, ...]:
    frames = [parse_frame(frame) for frame in reading.result.frames]
    return tuple(decode_telegram(frame, key=key) for frame in frames if isinstance(frame, LongFrame))


class Teller:
    """Tells on standard error how far it is: a bar on a terminal, else a line for each meter."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._is_terminal = sys.stderr.isatty()
        self._bar = ProgressBar(exact=True)

    def __enter__(self) -> "Teller":
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(None, None, None)

    def begin(self, meter: ImportedMeter) -> None:
        """The first meter is asked."""
        self._bar.update(meter.address, 0, self._count)

    def reading(self, done: int, reading: ListReading, next_one: ImportedMeter | None) -> None:
        """A meter is done."""
        result = reading.result
        what = f"{result.outcome}: {result.remark}" if result.remark else str(result.outcome)
        if not self._is_terminal or result.outcome is not ReadOutcome.OK:
            print(f"{done} of {self._count}  {reading.meter.address}  {what}", file=sys.stderr, flush=True)
        self._bar.update("" if next_one is None else next_one.address, done, self._count - done)


class Output:
    """Shows what came of each meter as soon as it is known."""

    def reading(self, reading: ListReading, telegrams: tuple[Telegram, ...]) -> None:
        """A meter is done."""
        raise NotImplementedError


class JsonLines(Output):
    """One object per meter and line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def reading(self, reading: ListReading, telegrams: tuple[Telegram, ...]) -> None:
        """Write it."""
        result = reading.result
        shown = {
            "address": reading.meter.address,
            **_identity(telegrams),
            "note": reading.meter.note,
            "time": _time(reading),
            "outcome": result.outcome.value,
            "attempts": result.attempts,
            "baud": result.baud,
            "telegrams": [telegram_as_json(telegram) for telegram in telegrams],
            "remark": "" if _error(reading) else result.remark,
            "error": _error(reading),
        }
        print(dumps(shown), file=self._file, flush=True)


class CsvRows(Output):
    """One row per record; a telegram or a meter with an error has a row for it."""

    def __init__(self, file: TextIO) -> None:
        self._writer = CsvWriter(LIST_COLUMNS, file)

    def reading(self, reading: ListReading, telegrams: tuple[Telegram, ...]) -> None:
        """Write the rows."""
        result = reading.result
        where: dict[str, object] = {
            "address": reading.meter.address,
            "secondary_address": _identity(telegrams)["secondary_address"],
            "note": reading.meter.note,
            "time": _time(reading),
            "outcome": result.outcome.value,
            "attempts": result.attempts,
            "baud": result.baud,
            "remark": "" if _error(reading) else result.remark,
        }
        for row in record_rows(telegrams):
            self._writer.row(where | row)
        if _error(reading):
            self._writer.row(where | {"error": _error(reading)})


class Tables(Output):
    """A table per telegram; standard error says who gave none."""

    def __init__(self) -> None:
        self._tables = TableOutput()

    def reading(self, reading: ListReading, telegrams: tuple[Telegram, ...]) -> None:
        """Print the tables."""
        if telegrams:
            self._tables.show(telegrams, reading.result.remark)


def _output(options: argparse.Namespace, file: TextIO) -> Output:
    if options.json:
        return JsonLines(file)
    return CsvRows(file) if options.csv else Tables()


def _identity(telegrams: tuple[Telegram, ...]) -> dict[str, object]:
    if not telegrams:
        return {"primary": None, "secondary_address": None}
    frame = telegrams[0].frame
    secondary = named_by(frame)
    return {"primary": frame.address, "secondary_address": None if secondary is None else str(secondary)}


def _error(reading: ListReading) -> str | None:
    result = reading.result
    return None if result.outcome is ReadOutcome.OK else result.remark or result.outcome.value


def _time(reading: ListReading) -> str:
    return f"{reading.taken:%Y-%m-%dT%H:%M:%SZ}"
