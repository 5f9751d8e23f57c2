"""A meter as the list knows it: who it is, where and when it was seen. What it measures is never kept (guide 3.1)."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mbus.addressing import ANY_MANUFACTURER, ANY_MEDIUM, ANY_VERSION, SecondaryAddress, manufacturer_letters
from mbus.tables.media import medium_name
from mbusmaster.meterlist.doubt import NO_DOUBTS, Doubts
from mbusmaster.meterlist.errors import MeterRefusedError

LONGEST_NOTE: Final = 200
LONGEST_REMARK: Final = 300
MAX_METERS: Final = 2000
"""Rows of a list: eight full buses."""


class Status(StrEnum):
    """What was seen when a meter was last asked; the values are stable, they stand in files."""

    ANSWERS = "answers"
    ACKNOWLEDGES = "acknowledges_only"
    """It acknowledges, but sends no data."""
    SILENT = "silent"
    COLLISION = "collision"
    """Several meters answer at once: a shared address."""
    GARBLED = "garbled"
    """What answers cannot be read: damage, noise, or several meters."""
    WRONG_ADDRESS = "wrong_address"
    """Another meter answers, or one that says another address."""
    OTHER_BAUD = "other_baud"
    """It answers at another rate only than the one at which it was looked for."""
    NOT_ASKED = "not_asked"
    """It came from a file, and no scan has covered it since."""

    @property
    def is_contact(self) -> bool:
        """Whether the meter itself was heard."""
        return self in (Status.ANSWERS, Status.ACKNOWLEDGES, Status.OTHER_BAUD)


@dataclass(frozen=True, slots=True)
class Rate:
    """A baud rate at which a meter has answered.

    :ivar answers: whether it did when it was last asked at this rate.
    """

    baud: int
    last_seen: datetime
    answers: bool = True


@dataclass(frozen=True, slots=True)
class Meter:
    """One row of the list.

    :ivar id: number of the row; never given to another one.
    :ivar secondary: its secondary address, with wildcards for the fields that it does not say; None where nothing is known of it.
    :ivar medium: our word for the medium; of old meters known also where the address does not have it.
    :ivar rates: every rate at which it was seen, slowest first.
    :ivar checked: when `status` was found out.
    :ivar remark: what was seen, as text for a person.
    :ivar note: text of the user.
    :ivar doubts: which of its moments were taken with a doubtful clock.
    """

    id: int
    bus: str
    secondary: SecondaryAddress | None = None
    primary: int | None = None
    medium: str | None = None
    fabrication: str | None = None
    rates: tuple[Rate, ...] = ()
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    status: Status = Status.NOT_ASKED
    checked: datetime | None = None
    remark: str = ""
    note: str = ""
    doubts: Doubts = NO_DOUBTS

    @property
    def address(self) -> str:
        """The secondary address where there is one, else the primary one."""
        if self.secondary is not None:
            return str(self.secondary)
        return "" if self.primary is None else str(self.primary)

    @property
    def identification(self) -> str | None:
        """Eight digits as printed on the meter."""
        return None if self.secondary is None else self.secondary.identification

    @property
    def manufacturer(self) -> str | None:
        """Three letters."""
        return manufacturer_of(self.secondary)

    @property
    def version(self) -> int | None:
        """Version (generation)."""
        return version_of(self.secondary)

    @property
    def medium_code(self) -> int | None:
        """Device type as in the secondary address."""
        if self.secondary is None or self.secondary.medium == ANY_MEDIUM:
            return None
        return self.secondary.medium

    @property
    def baud(self) -> int | None:
        """The highest rate at which it answers now; where it answers at none, the one at which it was seen last."""
        answering = [rate.baud for rate in self.rates if rate.answers]
        if answering:
            return max(answering)
        return max(self.rates, key=lambda rate: (rate.last_seen, rate.baud)).baud if self.rates else None


def manufacturer_of(secondary: SecondaryAddress | None) -> str | None:
    """Give the three letters of an address that has them."""
    if secondary is None or secondary.manufacturer == ANY_MANUFACTURER:
        return None
    return manufacturer_letters(secondary.manufacturer)


def version_of(secondary: SecondaryAddress | None) -> int | None:
    """Give the version of an address that has one."""
    if secondary is None or secondary.version == ANY_VERSION:
        return None
    return secondary.version


def medium_of(secondary: SecondaryAddress | None) -> str | None:
    """Give our word for the medium of an address that has one."""
    if secondary is None or secondary.medium == ANY_MEDIUM:
        return None
    return medium_name(secondary.medium)


def checked_note(text: str) -> str:
    """Give a note as it is kept: line ends are LF, nothing around it; raise `MeterRefusedError`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise MeterRefusedError(
            "note", f"a note has at most {LONGEST_NOTE} characters, this one has {len(text)}"
        )
    # Lone surrogates come from broken input, and no file can hold them.
    if any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t" for one in text):
        raise MeterRefusedError("note", "a note has no control characters")
    return text
