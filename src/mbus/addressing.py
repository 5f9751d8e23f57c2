"""Primary and secondary addresses, and manufacturer letters (EN 13757-2 5.7.5, EN 13757-3; MBUS.md 2.3, 3.1)."""

import re
from dataclasses import dataclass
from typing import Final, Self

from mbus.errors import AddressError

LAST_PRIMARY: Final = 250
SELECTED: Final = 0xFD
"""Network-layer address 253: whoever was selected by secondary address."""
TEST: Final = 0xFE
"""Address 254: every slave answers; of use only with one slave on the line."""
BROADCAST: Final = 0xFF
"""Address 255: every slave obeys, none answers."""

ANY_MANUFACTURER: Final = 0xFFFF
ANY_VERSION: Final = 0xFF
ANY_MEDIUM: Final = 0xFF
ID_DIGITS: Final = 8
WILDCARD: Final = "F"

_IDENTIFICATION = re.compile(r"[0-9A-F]{8}")
_LETTERS = re.compile(r"[A-Za-z]{3}")
_DOTTED = re.compile(r"([0-9A-F]{8})\.([0-9A-F]{4}|[A-Z]{3})\.([0-9A-F]{1,2})\.([0-9A-F]{1,2})")
_FORMS = "the 8 digits on the meter (85246798), 16 hex digits (852467982D2C3504) or ID.MAN.VER.MED"
_COMPACT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})?")


def manufacturer_code(letters: str) -> int:
    """Return the 16-bit code of three letters: ``"KAM"`` → ``0x2C2D``."""
    if not _LETTERS.fullmatch(letters):
        raise AddressError(f"a manufacturer has three letters A to Z, not {letters!r}")
    first, second, third = (ord(letter) - 64 for letter in letters.upper())
    return first << 10 | second << 5 | third


def manufacturer_letters(code: int) -> str:
    """Return the three letters of a code, or its four hex digits where they fall outside A to Z."""
    letters = [chr((code >> shift & 0x1F) + 64) for shift in (10, 5, 0)]
    if code & 0x8000 or not all("A" <= letter <= "Z" for letter in letters):
        return f"{code:04X}"
    return "".join(letters)


def is_primary(address: int) -> bool:
    """Tell whether a slave may own this address (0 to 250)."""
    return 0 <= address <= LAST_PRIMARY


@dataclass(frozen=True, slots=True)
class SecondaryAddress:
    """The eight bytes that name a meter, or a selection mask where digits or fields are wildcards.

    :ivar identification: eight hex digits as printed on the meter, most significant first; ``F`` is a wildcard.
    :ivar manufacturer: 16-bit code; ``FFFF`` is a wildcard.
    :ivar version: generation, ``FF`` is a wildcard.
    :ivar medium: device type, ``FF`` is a wildcard.
    """

    identification: str = WILDCARD * ID_DIGITS
    manufacturer: int = ANY_MANUFACTURER
    version: int = ANY_VERSION
    medium: int = ANY_MEDIUM

    def __post_init__(self) -> None:
        if not _IDENTIFICATION.fullmatch(self.identification):
            raise AddressError(
                f"an identification has 8 digits 0 to 9 or A to F in capitals, not {self.identification!r}"
            )
        if (
            not 0 <= self.manufacturer <= 0xFFFF
            or not 0 <= self.version <= 0xFF
            or not 0 <= self.medium <= 0xFF
        ):
            raise AddressError("manufacturer is a 16-bit number, version and medium are 8-bit numbers")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the eight bytes in the order of the wire."""
        if len(data) != 8:
            raise AddressError(f"a secondary address has 8 bytes, not {len(data)}")
        return cls(data[3::-1].hex().upper(), int.from_bytes(data[4:6], "little"), data[6], data[7])

    def to_bytes(self) -> bytes:
        """Give the eight bytes in the order of the wire."""
        return (
            bytes.fromhex(self.identification)[::-1]
            + self.manufacturer.to_bytes(2, "little")
            + bytes((self.version, self.medium))
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read ``852467982D2C3504`` or ``85246798.KAM.35.04`` (version and medium in hex).

        The eight digits of an identification alone leave manufacturer, version and medium open.
        """
        text = text.strip().upper()
        if dotted := _DOTTED.fullmatch(text):
            identification, maker, version, medium = dotted.groups()
            code = int(maker, 16) if len(maker) == 4 else manufacturer_code(maker)
            return cls(identification, code, int(version, 16), int(medium, 16))
        if compact := _COMPACT.fullmatch(text):
            identification, rest = compact.groups()
            return cls.from_bytes(bytes.fromhex(identification)[::-1] + bytes.fromhex(rest or "FF" * 4))
        raise AddressError(f"{text!r} is no secondary address: give {_FORMS}")

    def __str__(self) -> str:
        """Sixteen hex digits: the identification as printed, the rest as it travels."""
        return self.identification + self.to_bytes()[4:].hex().upper()

    @property
    def is_unique(self) -> bool:
        """Whether no digit and no field is a wildcard, so that one meter at most should match."""
        return (
            WILDCARD not in self.identification
            and self.manufacturer != ANY_MANUFACTURER
            and self.version != ANY_VERSION
            and self.medium != ANY_MEDIUM
        )

    def matches(self, meter: "SecondaryAddress") -> bool:
        """Tell whether a meter with that address is selected by this mask."""
        return (
            all(
                mine in (WILDCARD, its)
                for mine, its in zip(self.identification, meter.identification, strict=True)
            )
            and self.manufacturer in (ANY_MANUFACTURER, meter.manufacturer)
            and self.version in (ANY_VERSION, meter.version)
            and self.medium in (ANY_MEDIUM, meter.medium)
        )


def parse_address(text: str) -> int | SecondaryAddress:
    """Read an address as a person types it: ``0`` to ``250``, or a secondary address."""
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) <= 3:
        if not is_primary(int(text)):
            raise AddressError(f"{text} is no primary address of a meter: those are 0 to {LAST_PRIMARY}")
        return int(text)
    try:
        return SecondaryAddress.from_text(text)
    except AddressError as error:
        raise AddressError(f"{text!r} is no address: give 0 to {LAST_PRIMARY}, {_FORMS}") from error
