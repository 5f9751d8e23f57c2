"""A reading with its telegrams as they came, and the records that are in them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from mbus.application.as_json import HIDDEN
from mbus.application.records import Record
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import MBusError
from mbusheadend.decoding.telegrams import Decoded
from mbusheadend.store import Store, StoredReading, UnknownError


@dataclass(frozen=True, slots=True)
class ShownTelegram:
    """A telegram.

    :ivar frame: bytes in hex, two digits each, with what is secret hidden; empty where they were given up for their age.
    :ivar decoded: what the store keeps of it; made with the meter's key where it has one.
    :ivar telegram: decoded just now, without a key; None where there are no bytes or they are none.
    """

    frame: tuple[str, ...]
    decoded: Decoded | None
    telegram: Telegram | None

    @property
    def records(self) -> tuple[Record, ...]:
        """Records with their blocks; none where the telegram is encrypted."""
        return () if self.telegram is None else self.telegram.records


async def reading_of(store: Store, meter: int, taken: datetime, id: str) -> StoredReading:
    """Give a reading that was taken at a time (to the millisecond); raise `UnknownError`."""
    page = await store.readings(meter, taken, taken + timedelta(milliseconds=1), limit=100)
    for reading in page.readings:
        if reading.id == id:
            return reading
    raise UnknownError("there is no such reading of this meter")


def telegrams_of(reading: StoredReading) -> tuple[ShownTelegram, ...]:
    """Show the telegrams of a reading."""
    return tuple(
        _shown(frame, decoded) for frame, decoded in zip_longest(reading.telegrams or (), reading.decoded)
    )


def _shown(frame: bytes | None, decoded: Decoded | None) -> ShownTelegram:
    if frame is None:
        return ShownTelegram((), decoded, None)
    try:
        telegram = decode_telegram(frame)
    except MBusError:
        return ShownTelegram(_hex(frame), decoded, None)
    return ShownTelegram(_hex(frame, telegram.records), decoded, telegram)


def _hex(frame: bytes, records: tuple[Record, ...] = ()) -> tuple[str, ...]:
    """Give bytes in hex; those of passwords and keys are hidden wherever they stand."""
    shown = [f"{byte:02X}" for byte in frame]
    end = 0
    for record in records:
        blocks = record.dib + record.vib
        place = frame.find(blocks + record.raw, end)
        if place >= 0:
            end = place + len(blocks) + len(record.raw)
            if record.secret:
                shown[end - len(record.raw) : end] = [HIDDEN] * len(record.raw)
    return tuple(shown)
