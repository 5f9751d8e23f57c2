"""Telegrams for tests: recorded ones by name, and small ones made of the bytes of their records."""

from pathlib import Path

from mbus.application.records import Record
from mbus.application.telegram import Telegram, decode_telegram
from mbus.link.frames import LongFrame
from support.needs import shared_telegrams

LONG_HEADER = bytes.fromhex("78563412 2D2C 08 04 01 00 0000")


def read_hex(path: Path) -> bytes:
    """Read a file of hex numbers with spaces between them."""
    return bytes(int(number, 16) for number in path.read_text().split())


def recorded(name: str) -> Telegram:
    """Decode a recorded telegram by the name of its file without ending."""
    return decode_telegram(read_hex(shared_telegrams() / "good" / f"{name}.hex"))


def telegram_of(records: str, *, control: int = 0x08) -> Telegram:
    """Decode a response with long header and these record bytes."""
    return decode_telegram(LongFrame(control, 1, 0x72, LONG_HEADER + bytes.fromhex(records)))


def record_of(record: str) -> Record:
    """Decode a response that holds exactly one record."""
    telegram = telegram_of(record)
    assert telegram.error is None, telegram.error
    (only,) = telegram.records
    return only
