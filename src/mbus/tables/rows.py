"""What a row of the VIF and VIFE tables is, and how rows become one entry per code (MBUS.md 5.7 to 5.11)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, Self, TypeVar

CODES: Final = 0x80
"""Codes of one table: seven bits, the eighth says that another byte follows."""


class Rule(Enum):
    """How the data of a quantity are read, where the data field alone does not say it (MBUS.md 5.5, 5.6)."""

    NUMBER = auto()
    """By the data field: signed binary (type B), BCD (A), real (H), or what LVAR announces."""
    UNSIGNED = auto()
    """Binary without sign (type C)."""
    BITS = auto()
    """A field of bits (type D), given as a number without sign."""
    DATE = auto()
    """Type G."""
    MOMENT = auto()
    """By length: type J (3 bytes), F (4), I (6)."""
    IDENTITY = auto()
    """The eight bytes of a secondary address, or a number without sign."""
    ANY_DATE = auto()
    """By length: type G (2 bytes), J (3), F (4), I (6)."""
    DAYLIGHT = auto()
    """Type K."""
    RAW = auto()
    """Bytes without a numeric meaning, given as hex text in the order of the wire."""
    SECRET = auto()
    """A password, access code or key: never shown."""


@dataclass(frozen=True, slots=True)
class VifRow:
    """One quantity of a VIF table.

    :ivar mask: the bits that choose the row; the others are n, and each step of n is a factor of ten.
    :ivar code: the bits under the mask.
    :ivar unit: as the standard writes it; `mbus.tables.units` leads to the base unit.
    :ivar exponent: power of ten for n = 0.
    :ivar source: section of MBUS.md and its confidence mark.
    """

    mask: int
    code: int
    quantity: str
    unit: str
    exponent: int
    rule: Rule
    source: str

    def at(self, code: int) -> Self:
        """Return the row for one single code: mask full, exponent final."""
        return replace(self, mask=0x7F, code=code, exponent=self.exponent + (code & ~self.mask & 0x7F))


class Effect(Enum):
    """What a combinable VIFE does to its record (MBUS.md 5.11)."""

    LABEL = auto()
    """Only qualifies the value."""
    NOTHING = auto()
    """Says that all is well."""
    ERROR = auto()
    """The value is unusable; the label says why."""
    MULTIPLY = auto()
    """Times a power of ten."""
    ADD = auto()
    """Plus a power of ten in the unit of the VIF."""
    REPLACE = auto()
    """The value is no longer one of the VIF's quantity but one about it: a date, a duration, a count."""
    TYPE = auto()
    """Changes the data type only."""
    OPAQUE = auto()
    """The data are no plain value in the unit of the VIF: no unit, no scale."""


@dataclass(frozen=True, slots=True)
class VifeRow:
    """One combinable VIFE.

    :ivar mask: the bits that choose the row; the others are n.
    :ivar label: the word that stands in `Record.modifiers`, or in `Record.status` for an error.
    :ivar exponent: power of ten for n = 0, where the effect has one.
    :ivar quantity: what the value becomes by REPLACE.
    :ivar unit: its unit by REPLACE.
    :ivar rule: its data type by REPLACE and TYPE.
    :ivar source: section of MBUS.md and its confidence mark.
    """

    mask: int
    code: int
    label: str
    effect: Effect
    source: str
    exponent: int = 0
    quantity: str = ""
    unit: str = ""
    rule: Rule = Rule.NUMBER

    def at(self, code: int) -> Self:
        """Return the row for one single code: mask full, exponent final."""
        return replace(self, mask=0x7F, code=code, exponent=self.exponent + (code & ~self.mask & 0x7F))


Row = TypeVar("Row", VifRow, VifeRow)


def expand(rows: Iterable[Row]) -> dict[int, Row]:
    """Give one row for every code that the rows cover."""
    return {code: row.at(code) for row in rows for code in range(CODES) if code & row.mask == row.code}
