"""The list of meters as the master's CSV file (`mbusio.meterfile`): read for import (`mbusio.meterimport`), and written."""

from collections.abc import Iterable

from mbus.addressing import ANY_MANUFACTURER, ANY_MEDIUM, ANY_VERSION, SecondaryAddress, manufacturer_letters
from mbus.errors import AddressError
from mbus.tables.media import medium_name
from mbusheadend.store.fleet import Meter
from mbusio.meterfile import BUS_COLUMN, COLUMNS, write_table
from mbusio.meterimport import DEFAULT_BUS, ImportedMeter, ImportFile, read_meters

__all__ = ["DEFAULT_BUS", "ImportFile", "ImportedMeter", "read_meters", "write_meters"]


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
