"""Messages of masters, for tests of the head-end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mbusheadend.store import Store
from mbushosting.contact import Contact, MeterReport
from mbushosting.readings import Batch, Outcome, Reading

START: Final = datetime(2026, 11, 23, tzinfo=UTC)
LATER: Final = START + timedelta(days=1)
SERIAL: Final = "M1"


def contact(serial: str = SERIAL, **facts: Any) -> Contact:
    """Give a contact at `START`."""
    return Contact.model_validate(
        {"serial_number": serial, "software": "1", "time": START, "started": START, **facts}
    )


def listed(*addresses: str, **facts: Any) -> tuple[MeterReport, ...]:
    """Give a meter list."""
    return tuple(MeterReport(bus="main", address=address, **facts) for address in addresses)


def reading(number: int, meter: str, telegrams: Sequence[bytes] = (), **facts: Any) -> Reading:
    """Give a reading, taken at `START` unless said otherwise, in the slot of that time."""
    taken = facts.get("taken", START)
    fields = {
        "id": f"{number:032x}",
        "bus": "main",
        "meter": meter,
        "schedule": "hourly",
        "slot": taken,
        "taken": taken,
        "clock": "good",
        "outcome": Outcome.OK if telegrams else Outcome.SILENT,
        "attempts": 1,
        "baud": 2400,
        **facts,
    }
    # Telegrams come as base64 in JSON: here they are bytes already.
    return Reading.model_validate(fields).model_copy(update={"telegrams": tuple(telegrams)})


def batch(*readings: Reading, serial: str = SERIAL) -> Batch:
    """Give a batch."""
    return Batch(serial_number=serial, readings=readings)


async def enrol(store: Store, *serials: str) -> None:
    """Take masters in."""
    for serial in serials or (SERIAL,):
        await store.add_token(serial.encode(), LATER, "", START)
        assert await store.use_token(serial.encode(), serial, START)
