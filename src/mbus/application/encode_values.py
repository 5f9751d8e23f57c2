"""Values as the bytes of a data field (EN 13757-3 annex A; MBUS.md 5.3, 5.5, 5.6); multi-byte values little-endian.

Every function raises `EncodeError` when the value does not fit. Dates and times are a meter's local time: a time zone is ignored.
"""

import struct
from datetime import date, datetime, time
from typing import Final

from mbus.errors import EncodeError

MAX_TEXT: Final = 0xBF
"""Characters that a text of variable length can have."""
_MAX_LVAR_BCD = 9
_MAX_LVAR_SMALL = 15
_LVAR_LARGE = {16: 0xF0, 20: 0xF1, 24: 0xF2, 28: 0xF3, 32: 0xF4, 48: 0xF5, 64: 0xF6}


def signed(value: int, size: int) -> bytes:
    """Type B, two's complement; the most negative number means "invalid" and is let through."""
    try:
        return value.to_bytes(size, "little", signed=True)
    except OverflowError:
        raise EncodeError(f"{value} does not fit a signed integer of {size} bytes") from None


def unsigned(value: int, size: int) -> bytes:
    """Type C; all ones means "invalid" and is let through."""
    try:
        return value.to_bytes(size, "little")
    except OverflowError:
        raise EncodeError(f"{value} does not fit an unsigned integer of {size} bytes") from None


def bcd(value: int, size: int) -> bytes:
    """Type A, two digits per byte; the sign of a negative number takes the place of the first digit."""
    width = 2 * size
    digits = f"F{-value:0{width - 1}d}" if value < 0 else f"{value:0{width}d}"
    if len(digits) > width:
        raise EncodeError(f"{value} does not fit {width} BCD digits")
    return bytes.fromhex(digits)[::-1]


def real(value: float) -> bytes:
    """Type H, IEEE 754 of 32 bits."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        raise EncodeError(f"{value} does not fit a 32-bit real") from None


def text(value: str) -> bytes:
    """LVAR text of ISO 8859-1, sent last character first behind its length."""
    try:
        characters = value.encode("iso8859-1")
    except UnicodeEncodeError:
        raise EncodeError(f"{value!r} has characters outside ISO 8859-1") from None
    if len(characters) > MAX_TEXT:
        raise EncodeError(f"a text has at most {MAX_TEXT} characters, this one {len(characters)}")
    return bytes((len(characters),)) + characters[::-1]


def variable_bcd(value: int) -> bytes:
    """LVAR number: C0 + bytes of digits, D0 + bytes where it is negative."""
    digits = str(abs(value))
    size = (len(digits) + 1) // 2
    if size > _MAX_LVAR_BCD:
        raise EncodeError(f"{value} has more than {2 * _MAX_LVAR_BCD} digits")
    return bytes(((0xD0 if value < 0 else 0xC0) + size,)) + bcd(abs(value), size)


def variable_binary(value: bytes) -> bytes:
    """LVAR bytes as they are: up to 15, or 16, 20, 24, 28, 32, 48, 64 of them."""
    if len(value) <= _MAX_LVAR_SMALL:
        return bytes((0xE0 + len(value),)) + value
    if len(value) not in _LVAR_LARGE:
        raise EncodeError(
            f"a variable binary has up to 15, 16, 20, 24, 28, 32, 48 or 64 bytes, not {len(value)}"
        )
    return bytes((_LVAR_LARGE[len(value)],)) + value


def type_f(
    value: datetime, *, hundred_years: int = 0, summer_time: bool = False, invalid: bool = False
) -> bytes:
    """Date and time to the minute, 4 bytes; seconds are cut off.

    :param hundred_years: 0 for the two-digit rule (1981 to 2080), 1 to 3 for 1900 + 100 times that.
    :param invalid: set the bit that marks the time as not to be trusted.
    """
    year = _year_of_century(value.year, hundred_years)
    low, high = _day_month(value.day, value.month, year)
    return bytes(
        (
            value.minute | invalid << 7,
            value.hour | hundred_years << 5 | summer_time << 7,
            low,
            high,
        )
    )


def type_g(value: date) -> bytes:
    """Date, 2 bytes, by the two-digit rule (1981 to 2080)."""
    return bytes(_day_month(value.day, value.month, _year_of_century(value.year, 0)))


def type_i(value: datetime, *, summer_time: bool = False, invalid: bool = False) -> bytes:
    """Date and time to the second, 6 bytes; day of week, week and the size of the summer time shift are not given."""
    low, high = _day_month(value.day, value.month, _year_of_century(value.year, 0))
    leap = value.year % 4 == 0 and (value.year % 100 != 0 or value.year % 400 == 0)
    return bytes(
        (
            value.second | summer_time << 6 | leap << 7,
            value.minute | invalid << 7,
            value.hour,
            low,
            high,
            0,
        )
    )


def type_j(value: time) -> bytes:
    """Time of day, 3 bytes."""
    return bytes((value.second, value.minute, value.hour))


def _year_of_century(year: int, hundred_years: int) -> int:
    if hundred_years == 0 and 1981 <= year <= 2080:
        return year % 100
    if 1 <= hundred_years <= 3 and 0 <= year - 1900 - 100 * hundred_years <= 99:
        return year % 100
    raise EncodeError(f"the year {year} cannot be expressed with hundred-year bits {hundred_years}")


def _day_month(day: int, month: int, year: int) -> tuple[int, int]:
    return day | (year & 0x07) << 5, month | (year >> 3) << 4
