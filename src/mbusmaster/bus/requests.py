"""What a client's frame asks of the bus, and whether it may.

Every frame of a transparent client is parsed, so that reading and writing can be told apart (MBUS.md 10.1, rule 7).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeGuard

from mbus.addressing import BROADCAST, LAST_PRIMARY, TEST
from mbus.application.commands import is_selection
from mbus.link.fields import (
    FCB,
    REQ_SKE,
    REQ_UD1,
    REQ_UD2,
    SND_NKE,
    SND_UD,
    SND_UD2,
    function_of,
    is_from_master,
)
from mbus.link.frames import LongFrame, ShortFrame
from mbus.procedures.steps import Expects, Request, Unasked
from mbusio.barrier import Verdict

MasterFrame = ShortFrame | LongFrame

_SHORT_FUNCTIONS: Final = frozenset((SND_NKE, REQ_SKE, REQ_UD1, REQ_UD2))
_LONG_FUNCTIONS: Final = frozenset((SND_UD, SND_UD2))
BAUD_CI: Final = range(0xB8, 0xC0)
"""CI fields that tell a meter to use another rate, in the order of `mbus.link.timing.BAUD_RATES`."""
_REPEATER: Final = 0xFB


class Refusal(StrEnum):
    """Why a frame of a client stays off the bus."""

    NO_REQUEST = "not a request of a master"
    WRITE = "write services are switched off"
    BROADCAST = "writing to every meter is switched off"
    BAUD = "switching baud rates is switched off"
    BAUD_NOBODY = (
        "a baud rate is switched for one meter only: by its primary address, or selected by its whole number"
    )
    BAUD_RATE = "the rate is not one of those between min_baud and max_baud"
    BAUD_MANY = "too many meters are switched to another rate at the same time"
    BAUD_CONVERTER = "the rate of this converter cannot be changed from here"


@dataclass(frozen=True, slots=True)
class Withheld(Unasked):
    """It did not reach the bus, or the bus was lost under it.

    :ivar verdict: what a client hears that asks whether silence was silence.
    """

    verdict: Verdict = field(kw_only=True)


def refusal(frame: MasterFrame, *, allow_writes: bool, allow_baud_switch: bool = False) -> Refusal | None:
    """Tell why a frame must not go out; None where it may."""
    if not is_from_master(frame.control) or frame.control & 0x80 or frame.address == 0xFC:
        return Refusal.NO_REQUEST
    function = function_of(frame.control)
    if isinstance(frame, ShortFrame):
        answers = frame.address != BROADCAST or function == SND_NKE
        return None if function in _SHORT_FUNCTIONS and answers else Refusal.NO_REQUEST
    if function not in _LONG_FUNCTIONS:
        return Refusal.NO_REQUEST
    if is_selection(frame):
        return None
    if frame.ci in BAUD_CI:
        return None if allow_baud_switch else Refusal.BAUD
    if allow_writes:
        return None
    return Refusal.BROADCAST if frame.address in (BROADCAST, TEST) else Refusal.WRITE


def is_baud_switch(frame: MasterFrame) -> TypeGuard[LongFrame]:
    """Tell whether a frame tells a meter to use another rate."""
    return (
        isinstance(frame, LongFrame) and frame.ci in BAUD_CI and function_of(frame.control) in _LONG_FUNCTIONS
    )


def leaves_no_trace(frame: MasterFrame) -> bool:
    """Tell whether a slave remembers nothing of this frame (REQ_SKE)."""
    return function_of(frame.control) == REQ_SKE


def count_bit(frame: MasterFrame) -> bool:
    """Give the frame count bit."""
    return bool(frame.control & FCB)


def is_one_slave(address: int) -> bool:
    """Tell whether an address belongs to one slave (0 to 250, and a repeater's 251), not to a role or to all."""
    return address <= LAST_PRIMARY or address == _REPEATER


def request_of(frame: MasterFrame) -> Request:
    """Make the transaction for a client's frame: what the standard says comes back."""
    function = function_of(frame.control)
    if frame.address == BROADCAST:
        return Request(frame, Expects.NOTHING)
    if function in (SND_NKE, SND_UD):
        return Request(frame, Expects.ACK)
    return Request(frame, Expects.RESPONSE)
