"""The control field (EN 13757-2, IEC 60870-5-2; MBUS.md 2.2)."""

from typing import Final

SND_NKE: Final = 0x40
"""Initialise the slave's link: answered by E5; also clears a selection when sent to FD."""
SND_UD2: Final = 0x43
"""Send user data and expect a response."""
REQ_SKE: Final = 0x49
"""Request the status of the link; practically unused."""
SND_UD: Final = 0x53
"""Send user data, answered by E5."""
REQ_UD1: Final = 0x5A
"""Request class 1 data (alarms)."""
REQ_UD2: Final = 0x5B
"""Request class 2 data: the ordinary reading."""
RSP_UD: Final = 0x08
"""A slave's response with user data."""

PRM: Final = 0x40
"""Set in frames of the master, clear in those of a slave."""
FCB: Final = 0x20
"""Frame count bit: toggled for each new exchange, kept for a repeat."""
FCV: Final = 0x10
"""The frame count bit is valid."""
ACD: Final = 0x20
"""In a response: class 1 data are waiting."""
DFC: Final = 0x10
"""In a response: the slave can take no more data."""

_RESPONSE_MASK: Final = 0xCF


def function_of(control: int) -> int:
    """Give the control field without its frame count bit, for comparison with the names above."""
    return control & ~FCB


def is_response(control: int) -> bool:
    """Tell whether a control field is RSP_UD, whatever its ACD and DFC bits say."""
    return control & _RESPONSE_MASK == RSP_UD


def is_from_master(control: int) -> bool:
    """Tell whether the PRM bit marks a frame of the master."""
    return bool(control & PRM)


def counts(control: int) -> bool:
    """Tell whether a slave compares the frame count bit of this frame of the master."""
    return bool(control & PRM and control & FCV)
