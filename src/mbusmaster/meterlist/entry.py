"""What one line of a file says of a meter, with every cell checked."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from mbus.addressing import (
    ANY_MEDIUM,
    ANY_VERSION,
    ID_DIGITS,
    SecondaryAddress,
    is_primary,
    manufacturer_code,
    manufacturer_letters,
)
from mbus.errors import AddressError
from mbus.link.timing import BAUD_RATES
from mbus.tables import fixed
from mbus.tables.media import MEDIA, medium_name
from mbusmaster.meterlist.csvfile import (
    BUS_COLUMN,
    DOUBTS_COLUMN,
    IDENTIFYING,
    ImportReport,
    Line,
    Problem,
    read_lines,
)
from mbusmaster.meterlist.database import moment_of
from mbusmaster.meterlist.doubt import NO_DOUBTS, Doubts, Stamp
from mbusmaster.meterlist.errors import MeterRefusedError
from mbusmaster.meterlist.meter import Status, checked_note, manufacturer_of, medium_of
from mbusmaster.meterlist.sighting import LONGEST_FABRICATION

T = TypeVar("T")

_ROUNDED: Final = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+")
_IDENTIFICATION: Final = re.compile(r"[0-9A-Fa-f]{8}|[0-9]{1,7}")
_BUS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_WORDS: Final = frozenset((*MEDIA.values(), *fixed.MEDIA, medium_name(0xFF)))


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


class _LineReader:
    def __init__(self, line: Line) -> None:
        self.problems: list[Problem] = []
        self._line = line

    def entry(self, bus: str, buses: frozenset[str] | None) -> Entry | None:
        if not any(self._line.cells.get(column) for column in IDENTIFYING):
            self.complain("", f"it names no meter: {', '.join(IDENTIFYING)} are all empty")
            return None
        secondary = self._secondary()
        entry = Entry(
            self._line.number,
            self._read(BUS_COLUMN, lambda text: _bus(text, buses)) or bus,
            secondary,
            self._read("primary_address", _primary),
            medium_of(secondary) or self._read("medium", lambda text: _medium(text)[1]),
            self._read("baud_rate", _baud),
            self._read("fabrication_number", _fabrication),
            self._read("first_seen", _moment),
            self._read("last_seen", _moment),
            self._read("status", _status),
            self._read("note", checked_note),
            self._read(DOUBTS_COLUMN, _doubts) or NO_DOUBTS,
        )
        return None if self.problems else entry

    def complain(self, column: str, text: str) -> None:
        """Note what is wrong."""
        self.problems.append(Problem(self._line.number, column, text))

    def _secondary(self) -> SecondaryAddress | None:
        """Put the address together; the parts must agree with the whole."""
        whole = self._read("secondary_address", _address)
        identification = self._read("identification", _identification)
        if whole is None and identification is None:
            return None
        manufacturer = self._read("manufacturer", manufacturer_code_of)
        version = self._read("version", _version)
        medium = self._read("medium", lambda text: _medium(text)[0])
        if whole is None:
            assert identification is not None
            built = SecondaryAddress(identification)
            return SecondaryAddress(
                identification,
                built.manufacturer if manufacturer is None else manufacturer,
                ANY_VERSION if version is None else version,
                ANY_MEDIUM if medium is None else medium,
            )
        parts = (
            ("identification", identification, whole.identification),
            ("manufacturer", manufacturer and manufacturer_letters(manufacturer), manufacturer_of(whole)),
            ("version", version, None if whole.version == ANY_VERSION else whole.version),
        )
        for column, said, has in parts:
            if said is not None and has is not None and said != has:
                self.complain(column, f"it says {said}, and the secondary address {whole} says {has}")
        return whole

    def _read(self, column: str, read: Callable[[str], T]) -> T | None:
        text = self._line.cells.get(column)
        if text is None:
            return None
        try:
            return read(text)
        except (ValueError, AddressError, MeterRefusedError) as error:
            if not any(problem.column == column for problem in self.problems):
                self.complain(column, str(error))
            return None


def manufacturer_code_of(text: str) -> int:
    """Read three letters, or four hex digits for a code without letters; raise `AddressError`."""
    text = text.strip()
    if len(text) == 4:
        try:
            return int(text, 16)
        except ValueError:
            pass
    return manufacturer_code(text)


def _address(text: str) -> SecondaryAddress:
    text = text.strip()
    if _ROUNDED.fullmatch(text):
        raise ValueError(
            f"{text} was an address before a spreadsheet took it for a number; let it keep the column as text"
        )
    address = SecondaryAddress.from_text(text)
    if address == SecondaryAddress():
        raise ValueError("it names no meter: everything in it is a wildcard")
    return address


def _identification(text: str) -> str:
    if not _IDENTIFICATION.fullmatch(text):
        raise ValueError(f"an identification has {ID_DIGITS} digits, not {text[:40]!r}")
    # Spreadsheets drop leading zeros.
    return text.upper().zfill(ID_DIGITS)


def _number(text: str, what: str, last: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) <= last):
        raise ValueError(f"{what} is a number from 0 to {last}, not {text[:40]!r}")
    return int(text)


def _primary(text: str) -> int:
    number = _number(text, "a primary address", 250)
    assert is_primary(number), "the bound above is that of primary addresses"
    return number


def _version(text: str) -> int:
    return _number(text, "a version", 255)


def _baud(text: str) -> int:
    rates = ", ".join(map(str, BAUD_RATES))
    if text not in map(str, BAUD_RATES):
        raise ValueError(f"a baud rate is one of {rates}, not {text[:40]!r}")
    return int(text)


def _medium(text: str) -> tuple[int | None, str | None]:
    """Give code, where there is exactly one, and word; a word that is not ours says nothing to us."""
    if text.isdecimal():
        code = _number(text, "the code of a medium", 255)
        return code, medium_name(code)
    word = text.strip().lower().replace(" ", "_")
    codes = [code for code, name in MEDIA.items() if name == word]
    return codes[0] if len(codes) == 1 else None, word if word in _WORDS else None


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
