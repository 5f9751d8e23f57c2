"""Values, ages and states of meters as pages show them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from mbus.addressing import SecondaryAddress, manufacturer_letters
from mbus.application.datatypes import Value
from mbus.errors import MBusError
from mbus.tables.media import medium_name
from mbusheadend.decoding.values import Measured
from mbusheadend.judging.words import STATUS
from mbusheadend.store import Meter
from mbusheadend.views.units import in_unit, shown_unit
from mbusweb.locale import conventions_in_use, format_date, format_number, format_time
from mbusweb.locale import gettext as _
from mbusweb.media_texts import medium_text
from mbusweb.texts import mark

OUTCOMES: Final = {
    "ok": mark("Read"),
    "silent": mark("Silent"),
    "garbled": mark("Garbled"),
    "bus down": mark("Bus was down"),
    "incomplete": mark("Incomplete"),
}
CLOCKS: Final = {
    "synchronised": mark("with the time server"),
    "set": mark("set by hand"),
    "free running": mark("free running"),
    "kept by the system": mark("kept by the system"),
    "doubtful": mark("doubtful"),
}
_LONGEST: Final = 80
_NAMES: Final = frozenset(
    (
        *(
            "access_number",
            "bus_address",
            "customer",
            "fabrication_number",
            "firmware_version",
            "hardware_version",
        ),
        *(
            "identification",
            "manufacturer",
            "manufacturer_specific",
            "medium",
            "model_version",
            "software_version",
        ),
        *("parameter_set_identification", "error_flags"),
    )
)
"""Quantities whose numbers are names: nobody counts in them."""


def value_text(value: Value, unit: str = "") -> str:
    """Give a value with its unit, exactly, as the visitor writes numbers and times."""
    shown = in_unit(value, unit)
    if shown is None:
        return "–"
    if isinstance(shown, str):
        return _told_text(shown)
    symbol = shown_unit(unit).symbol
    return f"{format_number(shown)}{f' {symbol}' if symbol else ''}"


def number_text(number: Decimal | int | None, unit: str, *, with_unit: bool = True) -> str:
    """Give a number of a unit as `value_text` does; a dash where there is none."""
    shown = in_unit(number, unit)
    if not isinstance(shown, (int, Decimal)):
        return "–"
    return value_text(number, unit) if with_unit else format_number(shown)


def measured_text(measured: Measured | None) -> str:
    """Give what a meter said of a register; empty where it said nothing."""
    return (
        ""
        if measured is None
        else register_value_text(measured.register.quantity, measured.value, measured.register.unit)
    )


def register_value_text(quantity: str, value: Value, unit: str) -> str:
    """Give a value of a quantity with its unit; numbers that are names stand without anything between their digits."""
    if quantity in _NAMES and isinstance(value, int):
        return str(value)
    return value_text(value, unit)


def doubt_text(measured: Measured | None) -> str:
    """Say why a value is to be doubted; empty where it is not."""
    if measured is None:
        return ""
    said = [measured.status.replace("_", " ")] if measured.status else []
    return ", ".join((*said, *(label.replace("_", " ") for label in measured.labels)))


def column_texts(column: Sequence[Measured | None]) -> list[str]:
    """Give the values of a column under its unit, numbers with so many digits that their points stand below each other."""
    shown = [None if one is None else in_unit(one.value, one.register.unit) for one in column]
    are_names = any(one is not None and one.register.quantity in _NAMES for one in column)
    numbers = aligned(
        [one if isinstance(one, (int, float, Decimal)) and not are_names else None for one in shown]
    )
    return [text or measured_text(measured) for text, measured in zip(numbers, column, strict=True)]


def numbers_texts(numbers: Sequence[Decimal | int | None], unit: str) -> list[str]:
    """Give numbers of a unit, each with it, with as many digits as the longest; a dash for one that is not there."""
    shown = [in_unit(one, unit) for one in numbers]
    texts = aligned([one if isinstance(one, (int, float, Decimal)) else None for one in shown])
    symbol = shown_unit(unit).symbol
    return [f"{text}{f' {symbol}' if symbol else ''}" if text else "–" for text in texts]


def aligned(numbers: Sequence[Decimal | float | None]) -> list[str]:
    """Write numbers with so many digits that their points stand below each other; empty for one that is not there."""
    separator = conventions_in_use().decimal
    texts = ["" if one is None else format_number(one) for one in numbers]
    longest = max((len(text.partition(separator)[2]) for text in texts), default=0)
    return [text and _padded(text, separator, longest) for text in texts]


def _padded(text: str, separator: str, digits: int) -> str:
    whole, _point, part = text.partition(separator)
    return f"{whole}{separator}{part.ljust(digits, '0')}" if digits else whole


def told_text(own: datetime | None) -> str:
    """Give what a meter's clock told, which has no zone."""
    return "" if own is None else _local(own)


def age_text(age: timedelta | None) -> str:
    """Say how long ago something was, in the largest unit that tells enough."""
    if age is None:
        return _("never")
    seconds = int(age.total_seconds())
    if seconds < 60:
        return _("%(count)s s ago") % {"count": seconds}
    if seconds < 2 * 3600:
        return _("%(count)s min ago") % {"count": seconds // 60}
    if seconds < 2 * 86400:
        return _("%(count)s h ago") % {"count": seconds // 3600}
    return _("%(count)s days ago") % {"count": format_number(seconds // 86400)}


def outcome_text(outcome: str) -> str:
    """Name what came of reading a meter."""
    return _(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome


def clock_text(clock: str) -> str:
    """Name how good a master's clock was."""
    return _(CLOCKS[clock]) if clock in CLOCKS else clock


def status_texts(words: Iterable[str]) -> list[str]:
    """Say the words of a status byte as sentences."""
    return [_(STATUS[word].text) if word in STATUS else word for word in words]


def meter_text(meter: Meter) -> str:
    """Name a meter as people do: by its name, else by the number that is printed on it."""
    return meter.name or number_of(meter)


def number_of(meter: Meter) -> str:
    """Give the number that is printed on a meter; its place where it has none."""
    return meter.identity[:8] if address_of(meter) else meter.identity


def address_of(meter: Meter) -> SecondaryAddress | None:
    """Give the secondary address of a meter that has one."""
    try:
        return SecondaryAddress.from_text(meter.identity)
    except MBusError:
        return None


def medium_of(meter: Meter) -> str:
    """Name what a meter measures."""
    address = address_of(meter)
    return "" if address is None else medium_text(medium_name(address.medium))


def manufacturer_of(meter: Meter) -> str:
    """Give the letters of who made a meter."""
    address = address_of(meter)
    return "" if address is None else manufacturer_letters(address.manufacturer)


def _told_text(text: str) -> str:
    """Show dates of a meter as the visitor writes them, all other texts as they are."""
    try:
        if len(text) == len("2026-11-23"):
            return format_date(date.fromisoformat(text))
        if len(text) == len("2026-11-23T04:05:06") and text[10] == "T":
            return _local(datetime.fromisoformat(text))
    except ValueError:
        pass
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _local(moment: datetime) -> str:
    shown = moment.replace(tzinfo=UTC)
    return f"{format_date(shown)} {format_time(shown)}"
