"""Baud rates: switching a meter, and finding out which rates it answers at (MBUS.md 1.6).

A procedure here leaves the bus at the rate at which it found it, for the other meters are there. Only one that is closed in the
middle cannot: whoever closes it sets the rate.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, TypeVar

from mbus.addressing import SELECTED, SecondaryAddress
from mbus.application.commands import set_baud
from mbus.errors import ProcedureError, VerificationError
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES
from mbus.procedures.read import Target, read
from mbus.procedures.reading import Reading
from mbus.procedures.steps import BaudChange, Pause, Procedure, tell
from mbus.procedures.write import Command, write, write_frames

T = TypeVar("T")

USUAL_RATES: Final = (2400, 9600, 300, 19200)
"""The rates worth asking at, the most common first."""
SETTLING: Final = 0.7
"""Seconds that slaves and converters get to follow a change; some boxes ask for so much."""
PROOFS: Final = 2
"""Readings that prove a rate: one alone can be luck."""


def set_baud_frames(target: Target, baud: int) -> tuple[ShortFrame | LongFrame, ...]:
    """Give the frames that ask a meter for another rate, without sending them."""
    return write_frames(target, _command(baud))


def switch_baud(
    target: Target,
    baud: int,
    stations: Stations,
    *,
    current: int,
    tries: int = TRIES,
    settling: float = SETTLING,
) -> Procedure[Reading]:
    """Let a meter change from the rate `current`, which the bus has, to `baud`, and prove it by a reading there.

    The acknowledgement comes at the old rate; a meter that is not spoken to at the new one soon falls back. Meters that
    detect the rate acknowledge too, change nothing and pass the proof. Raise `VerificationError` when the meter is silent at
    the new rate (it says whether the meter was found at the old one), other `ProcedureError` when it does not acknowledge.
    """
    yield from write(target, _command(baud), stations, tries=tries)
    try:
        return (yield from _at(baud, current, settling, read(target, stations, tries=tries)))
    except ProcedureError as failed:
        try:
            yield from read(target, stations, tries=tries)
        except ProcedureError:
            raise VerificationError(f"the meter answers neither at {baud} nor at {current} baud") from failed
        raise VerificationError(f"the meter still answers at {current} baud, not at {baud}") from failed


def find_baud(
    target: Target,
    stations: Stations,
    *,
    current: int,
    rates: Sequence[int] = USUAL_RATES,
    tries: int = 1,
    settling: float = SETTLING,
) -> Procedure[tuple[int, ...]]:
    """Find the rates at which a meter answers soundly, slowest first; empty when it answers at none.

    :param current: rate of the bus, used again in the end.
    """
    found = []
    for rate in rates:
        try:
            yield from _at(rate, current, settling, _prove(target, stations, tries))
        except ProcedureError:
            continue
        found.append(rate)
    return tuple(sorted(found))


def _prove(target: Target, stations: Stations, tries: int) -> Procedure[None]:
    stations.failed(SELECTED if isinstance(target, SecondaryAddress) else target)
    for _ in range(PROOFS):
        yield from read(target, stations, tries=tries)


def _at(baud: int, current: int, settling: float, conversation: Procedure[T]) -> Procedure[T]:
    """Carry out a conversation at another rate."""
    if baud == current:
        return (yield from conversation)
    yield from _change(baud, settling)
    try:
        result = yield from conversation
    except ProcedureError:
        yield from _change(current, settling)
        raise
    yield from _change(current, settling)
    return result


def _change(baud: int, settling: float) -> Procedure[None]:
    yield from tell(BaudChange(baud))
    yield from tell(Pause(settling))


def _command(baud: int) -> Command:
    return partial(set_baud, baud=baud, fcb=True)
