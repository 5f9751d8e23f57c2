"""Application errors: a meter that answers, but refuses (CI 70, 6E, 6F; MBUS.md 4.6)."""

from dataclasses import dataclass
from typing import Final

from mbus.application.ci import CI_FIELDS, Content, HeaderKind
from mbus.application.header import LONG_SIZE, SHORT_SIZE
from mbus.link.frames import LongFrame
from mbus.tables.refusals import REFUSALS

_HEADER_SIZES: Final = {HeaderKind.NONE: 0, HeaderKind.SHORT: SHORT_SIZE, HeaderKind.LONG: LONG_SIZE}
TOO_BUSY: Final = 0x08
"""Wait a second and ask again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a meter refuses."""

    code: int

    def __str__(self) -> str:
        """The meaning and the code."""
        return f"{REFUSALS.get(self.code, 'reserved')} (code {self.code})"


def refusal_of(frame: LongFrame) -> Refusal | None:
    """Return what a response refuses; None when it is no application error. A missing code counts as 0, unspecified."""
    row = CI_FIELDS[frame.ci]
    if row.content is not Content.REFUSAL:
        return None
    code = frame.data[_HEADER_SIZES[row.header] :][:1]
    return Refusal(code[0] if code else 0)
