"""One line about a frame, for a person."""

from typing import Final

from mbus.addressing import BROADCAST, SELECTED, TEST, SecondaryAddress
from mbus.application.header import identity_of
from mbus.link import fields
from mbus.link.decoder import Dropped, Event
from mbus.link.frames import ACK, LongFrame, ShortFrame, SingleCharacter
from mbus.link.timing import BAUD_RATES

_FUNCTIONS: Final = {
    fields.SND_NKE: "SND_NKE",
    fields.SND_UD: "SND_UD",
    fields.SND_UD2: "SND_UD2",
    fields.REQ_SKE: "REQ_SKE",
    fields.REQ_UD1: "REQ_UD1",
    fields.REQ_UD2: "REQ_UD2",
}
_PLACES: Final = {
    SELECTED: "the selected meter (253)",
    TEST: "any meter (254)",
    BROADCAST: "all meters (255)",
}
_CI_COMMANDS: Final = {0x50: "application reset", 0x51: "data", 0x52: "select", 0x5C: "synchronise"}
_CI_FIRST_BAUD: Final = 0xB8


def describe(event: Event) -> str:
    """Tell what a frame is, or why bytes are none."""
    match event:
        case Dropped(count=count, reason=reason):
            return f"{count} bytes of no frame: {reason}"
        case SingleCharacter(code=code):
            return "acknowledged (E5)" if code == ACK else f"not acknowledged ({code:02X})"
        case ShortFrame(control=control, address=address):
            return f"{_function(control)} to {_place(address)}{_count(control)}"
        case LongFrame(control=control, address=address):
            if not fields.is_from_master(control):
                return f"RSP_UD from {_place(address)}{_identity(event)}, CI {event.ci:02X}"
            return f"{_function(control)} to {_place(address)}{_count(control)}: {_command(event)}"


def _function(control: int) -> str:
    return _FUNCTIONS.get(fields.function_of(control), f"control field {control:02X}")


def _place(address: int) -> str:
    return _PLACES.get(address, str(address))


def _count(control: int) -> str:
    return f", FCB {int(bool(control & fields.FCB))}" if fields.counts(control) else ""


def _identity(frame: LongFrame) -> str:
    identity = identity_of(frame)
    return "" if identity is None else f", {identity}"


def _command(frame: LongFrame) -> str:
    if frame.ci == 0x52 and len(frame.data) >= 8:
        return f"select {SecondaryAddress.from_bytes(frame.data[:8])}"
    rate = frame.ci - _CI_FIRST_BAUD
    if 0 <= rate < len(BAUD_RATES):
        return f"use {BAUD_RATES[rate]} baud"
    what = _CI_COMMANDS.get(frame.ci, f"CI {frame.ci:02X}")
    return f"{what} {frame.data.hex(' ').upper()}".rstrip()
