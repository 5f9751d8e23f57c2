"""The meter list as a file; its form stands in `mbusio.meterfile`."""

from collections.abc import Iterable

from mbusio.meterfile import BUS_COLUMN, COLUMNS, DOUBTS_COLUMN, write_table
from mbusmaster.meterlist.meter import Meter
from mbusmaster.meterlist.query import cells


def write_meters(meters: Iterable[Meter]) -> bytes:
    """Give meters as a file."""
    rows = [cells(meter) for meter in meters]
    several = len({row[BUS_COLUMN] for row in rows}) > 1
    columns = (*COLUMNS, BUS_COLUMN) if several else COLUMNS
    is_doubtful = any(row[DOUBTS_COLUMN] for row in rows)
    return write_table((*columns, DOUBTS_COLUMN) if is_doubtful else columns, rows)
