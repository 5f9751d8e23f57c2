"""Wired M-Bus (EN 13757-2, EN 13757-3) without any I/O.

What most users need is here: `decode_telegram` and what it gives. The rest is imported from where it lives: frames and
the stream decoder in `mbus.link`, commands, encoding and JSON in `mbus.application`, conversations with meters in
`mbus.procedures`.
"""

from mbus.addressing import SecondaryAddress
from mbus.application.records import Record
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import MBusError

__all__ = ["MBusError", "Record", "SecondaryAddress", "Telegram", "decode_telegram"]
