"""What one line of a file says of a meter, with every cell checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.link.timing import BAUD_RATES
from mbusio.meterfile import BUS_COLUMN, DOUBTS_COLUMN, ImportReport, Problem, read_lines
from mbusio.meterline import LineReader, medium_of_cell, primary_of_cell
from mbusmaster.meterlist.database import moment_of
from mbusmaster.meterlist.doubt import NO_DOUBTS, Doubts, Stamp
from mbusmaster.meterlist.errors import MeterRefusedError
from mbusmaster.meterlist.meter import Status, checked_note, medium_of
from mbusmaster.meterlist.sighting import LONGEST_FABRICATION

_BUS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A meter as a file describes it; None where it says nothing.

    :ivar line: of the file.
    :ivar secondary: as far as address, identification, manufacturer, version and medium give it.
    """

    line: int
    bus: str
    secondary: SecondaryAddress | None
    primary: int | None
    medium: str | None
    baud: int | None
    fabrication: str | None
    first_seen: datetime | None
    last_seen: datetime | None
    status: Status | None
    note: str | None
    doubts: Doubts = NO_DOUBTS

    @property
    def key(self) -> tuple[object, ...]:
        """What two lines of one meter have in common."""
        if self.secondary is None:
            return (self.bus, self.primary)
        return (self.bus, self.secondary, None if self.secondary.is_unique else self.primary)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read, and nothing stored of it yet.

    :ivar entries: of the good lines.
    :ivar report: what is wrong with the others.
    """

    entries: tuple[Entry, ...]
    report: ImportReport


def read_file(data: bytes, *, bus: str, buses: Iterable[str] | None = None) -> ReadFile:
    """Read a file of meters. It touches nothing else: a big one may be read in another thread.

    :param bus: of lines that name none.
    :param buses: those that there are; None takes any name.
    """
    lines, report = read_lines(data)
    entries: list[Entry] = []
    problems: list[Problem] = []
    seen: dict[tuple[object, ...], int] = {}
    known = None if buses is None else frozenset(buses)
    for line in lines:
        reader = _LineReader(line)
        entry = reader.entry(bus, known)
        if entry is not None and entry.key in seen:
            reader.complain("", f"it is the meter of line {seen[entry.key]} once more")
            entry = None
        if entry is not None:
            seen[entry.key] = line.number
            entries.append(entry)
        problems += reader.problems
    return ReadFile(tuple(entries), report.with_problems(problems))


class _LineReader(LineReader):
    def entry(self, bus: str, buses: frozenset[str] | None) -> Entry | None:
        if not self.names_a_meter:
            return None
        secondary = self.secondary()
        entry = Entry(
            self.line.number,
            self.read(BUS_COLUMN, lambda text: _bus(text, buses)) or bus,
            secondary,
            self.read("primary_address", primary_of_cell),
            medium_of(secondary) or self.read("medium", lambda text: medium_of_cell(text)[1]),
            self.read("baud_rate", _baud),
            self.read("fabrication_number", _fabrication),
            self.read("first_seen", _moment),
            self.read("last_seen", _moment),
            self.read("status", _status),
            self.read("note", _note),
            self.read(DOUBTS_COLUMN, _doubts) or NO_DOUBTS,
        )
        return None if self.problems else entry


def _baud(text: str) -> int:
    rates = ", ".join(map(str, BAUD_RATES))
    if text not in map(str, BAUD_RATES):
        raise ValueError(f"a baud rate is one of {rates}, not {text[:40]!r}")
    return int(text)


def _fabrication(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_FABRICATION or not text.isprintable():
        raise ValueError(f"a fabrication number has at most {LONGEST_FABRICATION} printable characters")
    return text


def _moment(text: str) -> datetime | None:
    try:
        moment = moment_of(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"a time looks like 2026-11-22T21:28:32Z, not {text[:40]!r}") from None
    if moment is not None and not datetime(2000, 1, 1, tzinfo=UTC) <= moment <= datetime(
        2100, 1, 1, tzinfo=UTC
    ):
        raise ValueError(f"{text[:40]} is not a time at which a meter was seen")
    return moment


def _doubts(text: str) -> Doubts:
    """Read the names of moments; what is none of ours is left aside."""
    words = text.lower().split()
    return frozenset(stamp for stamp in Stamp if stamp in words)


def _status(text: str) -> Status:
    try:
        return Status(text.strip().lower())
    except ValueError:
        words = ", ".join(Status)
        raise ValueError(f"a status is one of {words}, not {text[:40]!r}") from None


def _bus(text: str, buses: frozenset[str] | None) -> str:
    if not _BUS.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no name of a bus: those have small letters, digits, '-' and '_'")
    if buses is not None and text not in buses:
        raise ValueError(f"there is no bus {text}; there are {', '.join(sorted(buses))}")
    return text


def _note(text: str) -> str:
    try:
        return checked_note(text)
    except MeterRefusedError as error:
        raise ValueError(str(error)) from None
