"""The list of meters as the master's CSV file (`mbusio.meterfile`): read for import, and written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mbus.addressing import ANY_MANUFACTURER, ANY_MEDIUM, ANY_VERSION, SecondaryAddress, manufacturer_letters
from mbus.errors import AddressError
from mbus.tables.media import medium_name
from mbusheadend.store.fleet import Meter
from mbusio.meterfile import BUS_COLUMN, COLUMNS, ImportReport, Problem, read_lines, write_table
from mbusio.meterline import LineReader, primary_of_cell

DEFAULT_BUS: Final = "main"
"""Of lines that name none: a master with one bus does not name it."""


@dataclass(frozen=True, slots=True)
class ImportedMeter:
    """A meter as a line of a file names it.

    :ivar address: as in `mbusheadend.store.Place`: 16 hex digits, or a primary address where there is no secondary one.
    """

    bus: str
    address: str
    primary: int | None
    note: str


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
    address = str(primary) if secondary is None else str(secondary)
    return ImportedMeter(cells.get(BUS_COLUMN, DEFAULT_BUS), address, primary, cells.get("note", ""))


def write_meters(meters: Iterable[Meter]) -> bytes:
    """Give meters as a file; the bus stands in it where there is more than one."""
    rows = [_cells(meter) for meter in meters]
    several = len({row[BUS_COLUMN] for row in rows if row[BUS_COLUMN]}) > 1
    return write_table((*COLUMNS, BUS_COLUMN) if several else COLUMNS, rows)


def _cells(meter: Meter) -> dict[str, str]:
    cells = {
        "primary_address": "" if meter.primary is None else str(meter.primary),
        "baud_rate": str(max(meter.rates)) if meter.rates else "",
        "first_seen": f"{meter.first_seen:%Y-%m-%dT%H:%M:%SZ}",
        "last_seen": f"{meter.last_seen:%Y-%m-%dT%H:%M:%SZ}" if meter.last_seen else "",
        "status": meter.status,
        "note": meter.note,
        BUS_COLUMN: meter.place.bus if meter.place else "",
    }
    try:
        address = SecondaryAddress.from_text(meter.identity)
    except AddressError:
        # It is known by its place only.
        place = meter.identity.rpartition("/")[2]
        return cells | {"primary_address": place} if len(place) < 16 else cells | {"secondary_address": place}
    return cells | {
        "secondary_address": str(address),
        "identification": address.identification,
        "manufacturer": ""
        if address.manufacturer == ANY_MANUFACTURER
        else manufacturer_letters(address.manufacturer),
        "version": "" if address.version == ANY_VERSION else str(address.version),
        "medium": "" if address.medium == ANY_MEDIUM else medium_name(address.medium),
    }
