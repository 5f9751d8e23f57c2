"""A telegram as JSON (DESIGN 4): one object per telegram, numbers exact.

Passwords, access codes and keys never appear: such a record has no value, and its data are shown as asterisks.
"""

import json
import re
from decimal import Decimal
from typing import Final

from mbus.addressing import manufacturer_letters
from mbus.application.fixed import fixed_medium
from mbus.application.header import Header, is_fixed_structure
from mbus.application.records import Record
from mbus.application.telegram import Telegram
from mbus.link.frames import LongFrame
from mbus.tables.media import medium_name

_CONTROLS: Final = re.compile("[\x7f-\x9f]")
HIDDEN: Final = "**"
"""Stands for each byte of secret data."""


def telegram_as_json(telegram: Telegram) -> dict[str, object]:
    """Return the object of one telegram; `dumps` writes it."""
    return {
        "link": {"c": telegram.control, "a": telegram.address},
        "ci": telegram.ci,
        "header": None if telegram.header is None else _header(telegram.header, telegram.frame),
        "records": [record_as_json(record) for record in telegram.records],
        "manufacturer_data": _hex(telegram.manufacturer_data),
        "more_follows": telegram.more_follows,
        "error": telegram.error,
    }


def record_as_json(record: Record) -> dict[str, object]:
    """Return the object of one record; `status` is there only when it says something."""
    result: dict[str, object] = {
        "index": record.index,
        "function": record.function,
        "storage": record.storage,
        "tariff": record.tariff,
        "subunit": record.subunit,
        "quantity": record.quantity,
        "unit": record.unit,
        "value": record.value,
        "modifiers": list(record.modifiers),
        "dib": _hex(record.dib),
        "vib": _hex(record.vib),
        "raw": HIDDEN * len(record.raw) if record.secret else _hex(record.raw),
    }
    if record.status is not None:
        result["status"] = record.status
    return result


def _header(header: Header, frame: LongFrame) -> dict[str, object]:
    if is_fixed_structure(frame):
        return _fixed_header(header, frame)
    address = header.secondary
    return {
        "id": None if address is None else address.identification,
        "manufacturer": None if address is None else manufacturer_letters(address.manufacturer),
        "version": None if address is None else address.version,
        "medium": None if address is None else medium_name(address.medium),
        "medium_code": None if address is None else address.medium,
        "access_number": header.access_number,
        "status": header.status,
        "configuration": header.configuration,
        "secondary_address": None if address is None else str(address),
    }


def _fixed_header(header: Header, frame: LongFrame) -> dict[str, object]:
    """Return the header of the fixed structure, whose media have codes of their own and which names no maker."""
    code, medium = fixed_medium(frame)
    return {
        "id": None if header.secondary is None else header.secondary.identification,
        "manufacturer": None,
        "version": None,
        "medium": medium,
        "medium_code": code,
        "access_number": header.access_number,
        "status": header.status,
        "configuration": None,
        "secondary_address": None,
    }


def _hex(data: bytes) -> str:
    return data.hex().upper()


def dumps(obj: object) -> str:
    """Write JSON on one line; a `Decimal` becomes a number with all its digits, which the standard encoder cannot do,
    and every control character is escaped.

    Raise `TypeError` for what JSON has no form of, `ValueError` for a float that is no number.
    """
    if isinstance(obj, Decimal):
        return format(obj, "f")
    if isinstance(obj, dict):
        return "{" + ", ".join(f"{_leaf(str(key))}: {dumps(value)}" for key, value in obj.items()) + "}"
    if isinstance(obj, (list, tuple)):
        return "[" + ", ".join(dumps(value) for value in obj) + "]"
    return _leaf(obj)


def _leaf(obj: object) -> str:
    text = json.dumps(obj, ensure_ascii=False, allow_nan=False)
    # The encoder escapes the control characters below 20 only; a terminal obeys those of ISO 8859-1 above 7E as well.
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
