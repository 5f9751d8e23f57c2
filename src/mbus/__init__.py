"""Wired M-Bus (EN 13757-2, EN 13757-3) without any I/O.

::

    >>> from mbus import decode_telegram
    >>> telegram = decode_telegram(bytes.fromhex("68 07 07 68 08 05 78 02 5B 19 00 FB 16"))
    >>> print(telegram.records[0].quantity, telegram.records[0].value, telegram.records[0].unit)
    flow_temperature 25 °C

What most users need is here: frames, telegrams, JSON and errors. The rest is imported from where it lives: one transaction as a
state machine in `mbus.link`, commands and encoding in `mbus.application`, conversations with meters in `mbus.procedures`.

A name is loaded when it is first used, so that whoever needs only frames does not wait for the tables.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mbus.addressing import SecondaryAddress, parse_address
    from mbus.application.as_json import dumps, telegram_as_json
    from mbus.application.header import Header
    from mbus.application.records import Record
    from mbus.application.telegram import Telegram, decode_telegram
    from mbus.errors import (
        AddressError,
        DecodeError,
        DecryptionError,
        EncodeError,
        FrameError,
        GarbledAnswerError,
        HeaderError,
        IncompleteFrameError,
        InvalidFrameError,
        MBusError,
        NoAnswerError,
        ProcedureError,
        RecordError,
        RefusedError,
        VerificationError,
        WrongMeterError,
    )
    from mbus.link.decoder import Dropped, StreamDecoder
    from mbus.link.frames import Frame, LongFrame, ShortFrame, SingleCharacter, parse_frame
    from mbus.link.station import Stations

__all__ = [
    "AddressError", "DecodeError", "DecryptionError", "Dropped", "EncodeError", "Frame", "FrameError", "GarbledAnswerError",
    "Header", "HeaderError", "IncompleteFrameError", "InvalidFrameError", "LongFrame", "MBusError", "NoAnswerError",
    "ProcedureError", "Record", "RecordError", "RefusedError", "SecondaryAddress", "ShortFrame", "SingleCharacter", "Stations",
    "StreamDecoder", "Telegram", "VerificationError", "WrongMeterError", "decode_telegram", "dumps", "parse_address",
    "parse_frame", "telegram_as_json",
]  # fmt: skip

_HOMES: Final = {
    "Dropped": "mbus.link.decoder",
    "Frame": "mbus.link.frames",
    "Header": "mbus.application.header",
    "LongFrame": "mbus.link.frames",
    "Record": "mbus.application.records",
    "SecondaryAddress": "mbus.addressing",
    "ShortFrame": "mbus.link.frames",
    "SingleCharacter": "mbus.link.frames",
    "Stations": "mbus.link.station",
    "StreamDecoder": "mbus.link.decoder",
    "Telegram": "mbus.application.telegram",
    "decode_telegram": "mbus.application.telegram",
    "dumps": "mbus.application.as_json",
    "parse_address": "mbus.addressing",
    "parse_frame": "mbus.link.frames",
    "telegram_as_json": "mbus.application.as_json",
}
"""Where a name lives; the errors, which are not listed, in `mbus.errors`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "mbus.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
