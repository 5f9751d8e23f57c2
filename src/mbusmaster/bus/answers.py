"""What an answer tells the gateway: whose it is, and whether more telegrams follow."""

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Final

from mbus.addressing import (
    ANY_MANUFACTURER,
    ANY_MEDIUM,
    ANY_VERSION,
    SELECTED,
    TEST,
    WILDCARD,
    SecondaryAddress,
)
from mbus.application.header import FIXED_STRUCTURE_SIZE, LONG_SIZE, fits, identity_of
from mbus.application.telegram import decode_telegram
from mbus.errors import MBusError
from mbus.link.decoder import StreamDecoder
from mbus.link.frames import ACK, LONG_START, MIN_L, LongFrame
from mbus.link.transaction import Expects, Outcome, Reply
from mbus.procedures.steps import Request

_CI_SELECT_MSB_FIRST: Final = 0x56
_LENGTHS: Final = 4
"""Start, length, length, start."""
_HEAD: Final = 6
_ADDRESS_AT: Final = 5
_IDENTITY_END: Final = 7 + LONG_SIZE
"""Bytes up to the end of a long header; the fixed structure is taken whole."""


def mask_of(selection: LongFrame | None) -> SecondaryAddress | None:
    """Give the mask of a selection; missing bytes count as wildcards (MBUS.md 3.2). None where it is not understood."""
    if selection is None or selection.ci == _CI_SELECT_MSB_FIRST:
        return None
    return SecondaryAddress.from_bytes(selection.data[:8].ljust(8, b"\xff"))


def fits_selection(frame: LongFrame, selection: LongFrame | None) -> bool:
    """Tell whether a response may come from a slave that `selection` selects; what names nobody cannot speak against it."""
    mask = mask_of(selection)
    identity = identity_of(frame)
    if mask is None or identity is None:
        return True
    # Some slaves with another medium take a selection that asks for medium 00 (MBUS.md 3.2).
    if mask.medium == 0:
        mask = SecondaryAddress(mask.identification, mask.manufacturer, mask.version)
    return fits(mask, identity)


def are_apart(one: SecondaryAddress, other: SecondaryAddress) -> bool:
    """Tell whether no meter fits both masks."""
    digits = zip(one.identification, other.identification, strict=True)
    fields = (
        (one.manufacturer, other.manufacturer, ANY_MANUFACTURER),
        (one.version, other.version, ANY_VERSION),
        # Some slaves with another medium take a selection that asks for medium 00 (MBUS.md 3.2).
        (one.medium or ANY_MEDIUM, other.medium or ANY_MEDIUM, ANY_MEDIUM),
    )
    return any(a != b and WILDCARD not in (a, b) for a, b in digits) or any(
        a != b and wildcard not in (a, b) for a, b, wildcard in fields
    )


# The same response is looked at by those who share the bus and by those who decide whose turn is next.
@lru_cache(maxsize=4)
def more_follows(frame: LongFrame) -> bool:
    """Tell whether a response ends with DIF 1F: the reading goes on with the next telegram."""
    try:
        return decode_telegram(frame).more_follows
    except MBusError:
        return False


class Gate:
    """Passes the bytes of an answer on as they come, but never those of another slave's answer.

    The first bytes of a response say whose it is: the address field, or behind FD the identity in the header. Until that much
    has come they wait, which costs nothing, since nobody can use the beginning of a frame. Bytes that are no clean response
    (a collision, noise) are passed on as they are: they tell a searching client that several slaves spoke.

    :param request: whose answer is awaited.
    :param selection: by which the slave was selected that is asked through FD.
    :param sink: takes the bytes.
    """

    def __init__(self, request: Request, selection: LongFrame | None, sink: Callable[[bytes], None]) -> None:
        self._address = request.frame.address
        self._expects = request.expects
        self._selection = selection
        self._sink = sink
        self._held = bytearray()
        self._open = False

    def feed(self, data: bytes) -> None:
        """Take bytes from the line."""
        self._held += data
        while self._held and not self._open:
            match self._belongs():
                case _Belongs.YES:
                    self._open = True
                case _Belongs.NO_FRAME:
                    self._sink(bytes(self._held[:1]))
                    del self._held[:1]
                case _Belongs.LATE:
                    del self._held[:1]
                case _Belongs.NOT_YET_KNOWN | _Belongs.NO:
                    return
        if self._open:
            self._release()

    def finish(self, outcome: Outcome) -> None:
        """The transaction is over: what waits goes out, unless it is a sound answer of somebody else."""
        if self._open or not self._held:
            return
        if isinstance(outcome, Reply) and self._expects is not Expects.ACK:
            # Another slave's late answer came first; the right one behind it is known by now.
            if fits_selection(outcome.frame, self._selection):
                self._sink(outcome.frame.to_bytes())
        elif not any(isinstance(event, LongFrame) for event in StreamDecoder().feed(bytes(self._held))):
            self._release()
        self._held.clear()

    def _release(self) -> None:
        if self._held:
            self._sink(bytes(self._held))
            self._held.clear()

    def _belongs(self) -> "_Belongs":
        held = self._held
        if held[0] == ACK and self._expects is Expects.RESPONSE:
            # Alone it is an answer (nothing to tell); in front of a response it is a late one to somebody's request before.
            if len(held) == 1:
                return _Belongs.NOT_YET_KNOWN
            return _Belongs.LATE if held[1] == LONG_START else _Belongs.NO_FRAME
        if held[0] != LONG_START:
            return _Belongs.NO_FRAME
        if len(held) < _HEAD:
            return (
                _Belongs.NOT_YET_KNOWN
                if bytes(held[1:2]) == bytes(held[2:3]) or len(held) < 3
                else _Belongs.NO_FRAME
            )
        if held[1] != held[2] or held[3] != LONG_START or held[1] < MIN_L:
            return _Belongs.NO_FRAME
        if self._expects is Expects.ACK:
            return _Belongs.NO
        if self._address not in (SELECTED, TEST):
            return _Belongs.YES if held[_ADDRESS_AT] == self._address else _Belongs.NO
        if self._address == TEST or self._selection is None:
            return _Belongs.YES
        end = _LENGTHS + held[1]
        if end != _LENGTHS + 3 + FIXED_STRUCTURE_SIZE:
            end = min(_IDENTITY_END, end)
        if len(held) < end:
            return _Belongs.NOT_YET_KNOWN
        beginning = LongFrame(held[4], held[5], held[6], bytes(held[7:end]))
        return _Belongs.YES if fits_selection(beginning, self._selection) else _Belongs.NO


class _Belongs(Enum):
    YES = 1
    NO = 2
    NOT_YET_KNOWN = 3
    NO_FRAME = 4
    LATE = 5
