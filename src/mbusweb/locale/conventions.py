"""How each language writes dates, times and numbers: the little that is needed of CLDR.

Babel has the same and keeps five megabytes in memory for it; a test compares the two.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Conventions:
    """The habits of one language; patterns as in UTS 35.

    :ivar group: between thousands.
    """

    date: str
    time: str
    morning: str
    afternoon: str
    decimal: str
    group: str


CONVENTIONS: Final = {
    "cs": Conventions("dd.MM.yyyy", "H:mm:ss", "dop.", "odp.", ",", "\xa0"),
    "da": Conventions("dd.MM.yyyy", "HH.mm.ss", "AM", "PM", ",", "."),
    "de": Conventions("dd.MM.yyyy", "HH:mm:ss", "AM", "PM", ",", "."),
    # Day before month, and hours to 24: as in Great Britain.
    "en": Conventions("dd/MM/yyyy", "HH:mm:ss", "am", "pm", ".", ","),
    "es": Conventions("d/M/yyyy", "H:mm:ss", "a.\u202fm.", "p.\u202fm.", ",", "."),
}
