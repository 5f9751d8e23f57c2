"""Readings as the store gives them, for tests of what judges them."""

from datetime import datetime, timedelta
from typing import Final

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.telegrams import Decoded
from mbusheadend.decoding.values import Measured
from mbusheadend.store import StoredReading
from mbushosting.readings import Outcome
from support.headend_messages import SERIAL, START
from support.headend_meters import ENERGY

HOUR: Final = timedelta(hours=1)
CLOCK: Final = Register("instantaneous", 0, 0, 0, "date_time", "", ())
POWER: Final = Register("instantaneous", 0, 0, 0, "power", "W", ())
FLAGS: Final = Register("instantaneous", 0, 0, 0, "error_flags", "", ())


def judged_reading(
    hours: float,
    energy: Value = None,
    *,
    own: datetime | None = None,
    status: int | None = 0,
    access: int | None = None,
    outcome: Outcome = Outcome.OK,
    attempts: int = 1,
    clock: str = "synchronised",
    others: dict[Register, Value] | None = None,
    telegrams: tuple[bytes, ...] | None = None,
) -> StoredReading:
    """Give a reading of meter 1 so many hours after `START`."""
    taken = START + hours * HOUR
    values: dict[Register, Value] = dict(others or {})
    if energy is not None:
        values[ENERGY] = energy
    if own is not None:
        values[CLOCK] = own.replace(tzinfo=None).isoformat()
    measured = tuple(Measured(register, value, None, ()) for register, value in values.items())
    decoded = (Decoded(access, status, "", measured),) if outcome is Outcome.OK else ()
    return StoredReading(
        f"{int(hours * 60):032x}", 1, SERIAL, "hourly", taken, taken, taken, clock, outcome, attempts, 2400, "", 1,
        telegrams, decoded,
    )  # fmt: skip
