"""Months, in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

_TEXT: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month.

    :ivar month: 1 to 12.
    """

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Give the month in which a moment is."""
        there = moment.astimezone(UTC)
        return cls(there.year, there.month)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read ``2026-07``; raise `ValueError`."""
        found = _TEXT.fullmatch(text)
        if found is None or not int(found[1]):
            raise ValueError(f"a month is like 2026-07, not {text!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def begin(self) -> datetime:
        """The first moment in it."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment behind it."""
        return self.shifted(1).begin

    def shifted(self, months: int) -> "Month":
        """Give the month so many later; the calendar of this program ends with the year 9999."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(max(1, min(year, 9999)), month + 1)
