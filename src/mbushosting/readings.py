"""What was read: batches from the outbox, and the receipt for them.

``POST /hosting/v1/readings`` with a gzip body. A batch may be sent again and again: readings have ids, and the head-end keeps
each once. Only what the receipt names may leave the outbox.
"""

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Base64Bytes, Field

from mbushosting.parts import ROOT, Baud, BusName, Id, Message, MeterAddress, Moment, SerialNumber

READINGS: Final = f"{ROOT}/readings"
MAX_BATCH: Final = 250
MAX_BODY: Final = 2 << 20
"""Bytes of a batch, unpacked."""
MAX_PACKED: Final = 1 << 20
MAX_TELEGRAMS: Final = 32

Telegram = Annotated[Base64Bytes, Field(max_length=261)]
"""A whole frame of the link layer, start byte to stop byte."""


class Outcome(StrEnum):
    """What came of the attempts to read a meter."""

    OK = "ok"
    SILENT = "silent"
    GARBLED = "garbled"
    """Something answered, but no sound telegram of this meter."""
    BUS_DOWN = "bus down"
    INCOMPLETE = "incomplete"
    """Some telegrams came, the last did not."""


def new_id(taken: datetime) -> str:
    """Make the id of a reading: unlike any other, and behind those of before in the index of a store (RFC 9562 5.7).

    :param taken: aware; a clock that is wrong makes an id that is as good.
    """
    milliseconds = max(0, int(taken.timestamp() * 1000)) & 0xFFFF_FFFF_FFFF
    chance = secrets.randbits(74)
    number = milliseconds << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return f"{number:032x}"


class Reading(Message):
    """One reading of one meter.

    :ivar id: `new_id`, made when the reading is stored, for good: 32 hex digits.
    :ivar schedule: id of the schedule or of the command that wanted it.
    :ivar slot: when it should have been taken.
    :ivar taken: by the master's clock, when the last telegram was here.
    :ivar clock: quality of the master's clock then (`mbusmaster.system.clock.ClockQuality`).
    :ivar attempts: how often the meter was asked, at all rates together: 1 where all went well, however many telegrams it has;
        0 where the bus could not be used.
    :ivar baud: at which it answered; else the bus's default rate.
    :ivar telegrams: in order; empty unless something came. The meter's own time is in them.
    :ivar remark: what a person should know: why there is no sound reading, or that the telegrams do not say whose they are.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    bus: BusName
    meter: MeterAddress
    schedule: Id
    slot: Moment
    taken: Moment
    clock: Annotated[str, Field(max_length=32)] = ""
    outcome: Outcome
    attempts: Annotated[int, Field(ge=0, le=1000)]
    baud: Baud
    telegrams: Annotated[tuple[Telegram, ...], Field(max_length=MAX_TELEGRAMS)] = ()
    remark: Annotated[str, Field(max_length=256)] = ""


class Batch(Message):
    """Readings of one master."""

    serial_number: SerialNumber
    readings: Annotated[tuple[Reading, ...], Field(min_length=1, max_length=MAX_BATCH)]


class Receipt(Message):
    """What is stored for good, so that the master need not keep it.

    :ivar stored: ids; also those that were there before.
    :ivar refused: ids that will never be stored, each with why; the master moves them to its history and raises an alarm.
    """

    stored: Annotated[tuple[str, ...], Field(max_length=MAX_BATCH)]
    refused: Annotated[dict[str, str], Field(max_length=MAX_BATCH)] = {}  # noqa: RUF012 - pydantic copies it
