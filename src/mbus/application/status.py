"""The status byte of a header in words (MBUS.md 4.4)."""

from typing import Final

_APPLICATION: Final = (None, "application_busy", "application_error", "abnormal_condition")
"""By bits 1 and 0."""
_APPLICATION_BITS: Final = 0x03
_BITS: Final = (
    (0x04, "power_low"),
    (0x08, "permanent_error"),
    (0x10, "temporary_error"),
    (0x20, "manufacturer_bit_5"),
    (0x40, "manufacturer_bit_6"),
    (0x80, "manufacturer_bit_7"),
)
SUSPECT: Final = 0x0F
"""With any of these bits set the values are to be doubted; a temporary error alone is common and often harmless."""


def status_words(status: int, *, fixed_structure: bool = False) -> tuple[str, ...]:
    """Say a status byte in words; empty when all is well.

    In the old fixed structure bits 1 and 0 describe the counters (`mbus.application.fixed`) and say nothing here.
    """
    application = None if fixed_structure else _APPLICATION[status & _APPLICATION_BITS]
    words = () if application is None else (application,)
    return words + tuple(word for bit, word in _BITS if status & bit)


def is_suspect(status: int, *, fixed_structure: bool = False) -> bool:
    """Tell whether the values beside this status are to be doubted; bits 1 and 0 as for `status_words`."""
    return bool(status & (SUSPECT & ~_APPLICATION_BITS if fixed_structure else SUSPECT))
