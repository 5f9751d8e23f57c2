"""The meters that a master's CSV file (`mbusio.meterfile`) names, as whoever reads them or keeps a list wants them."""

from dataclasses import dataclass
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.link.timing import BAUD_RATES
from mbusio.meterfile import BUS_COLUMN, ImportReport, Problem, read_lines
from mbusio.meterline import ADDRESS_DIGITS, LineReader, primary_of_cell

DEFAULT_BUS: Final = "main"
"""Of lines that name none: a master with one bus does not name it."""


@dataclass(frozen=True, slots=True)
class ImportedMeter:
    """A meter as a line of a file names it.

    :ivar address: 16 hex digits, or a primary address in decimal where there is no secondary one.
    :ivar baud: rate at which it is said to answer; None where the file says none that meters use.
    """

    bus: str
    address: str
    primary: int | None
    note: str
    baud: int | None = None

    @property
    def secondary(self) -> SecondaryAddress | None:
        """By which it is selected; None where there is no secondary address."""
        return SecondaryAddress.from_text(self.address) if len(self.address) == ADDRESS_DIGITS else None


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that was read: the meters of its good lines, and what is wrong with the others."""

    meters: tuple[ImportedMeter, ...]
    report: ImportReport


def read_meters(data: bytes) -> ImportFile:
    """Read a file; what is wrong with it stands in the report, never in an exception. It may take a while: use a thread."""
    lines, report = read_lines(data)
    meters: dict[tuple[str, str], ImportedMeter] = {}
    problems: list[Problem] = []
    for line in lines:
        reader = LineReader(line)
        meter = _meter(reader)
        if meter is not None and (meter.bus, meter.address) in meters:
            reader.complain("", "its meter stands in an earlier line already")
        elif meter is not None:
            meters[meter.bus, meter.address] = meter
        problems += reader.problems
    return ImportFile(tuple(meters.values()), report.with_problems(problems))


def _meter(reader: LineReader) -> ImportedMeter | None:
    if not reader.names_a_meter:
        return None
    secondary = reader.secondary()
    primary = reader.read("primary_address", primary_of_cell)
    if reader.problems:
        return None
    cells = reader.line.cells
    return ImportedMeter(
        cells.get(BUS_COLUMN, DEFAULT_BUS),
        str(primary) if secondary is None else str(secondary),
        primary,
        cells.get("note", ""),
        _baud(cells.get("baud_rate", "")),
    )


def _baud(cell: str) -> int | None:
    """Read a rate; one that makes no sense only costs the time that knowing it would have saved."""
    rate = int(cell) if cell.isascii() and cell.isdecimal() and len(cell) <= 5 else 0
    return rate if rate in BAUD_RATES else None
