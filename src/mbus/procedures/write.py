"""Writing to a meter: the frames, and the conversation that sends them (MBUS.md chapter 7).

Every write begins with SND_NKE, so that the meter cannot take it for a repeat, and with the selection where the meter is named
by its secondary address. `write_frames` gives what `write` sends, for showing it without sending it; where a mask names the
meter, the procedures that read it first select it by what it says of itself. An acknowledgement proves nothing: each procedure
that writes reads the meter afterwards and compares.
"""

from collections.abc import Callable

from mbus.addressing import SELECTED, SecondaryAddress
from mbus.application.commands import select, snd_nke
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES, reset_link, send
from mbus.procedures.read import Target, select_meter
from mbus.procedures.reading import Reading
from mbus.procedures.steps import Procedure

Command = Callable[[int], LongFrame]
"""Makes the frame for the address at which the meter is spoken to."""


def write_frames(target: Target, command: Command) -> tuple[ShortFrame | LongFrame, ...]:
    """Give the frames of a write in the order in which they go out when all goes well."""
    if isinstance(target, SecondaryAddress):
        return snd_nke(SELECTED), select(target, fcb=False), command(SELECTED)
    return snd_nke(target), command(target)


def narrowed(target: Target, reading: Reading) -> Target:
    """Name the meter that was read by its own address where `target` is a mask: others that the mask fits must not obey."""
    meter = reading.secondary
    return meter if isinstance(target, SecondaryAddress) and meter is not None and meter.is_unique else target


def write(target: Target, command: Command, stations: Stations, *, tries: int = TRIES) -> Procedure[None]:
    """Send a command until it is acknowledged.

    Raise `NoAnswerError` or another `ProcedureError` when it is not; the meter may have obeyed nevertheless.
    """
    if isinstance(target, SecondaryAddress):
        yield from reset_link(SELECTED, stations)
        yield from select_meter(target, stations, tries=tries)
        yield from send(command(SELECTED), stations, tries=tries)
    else:
        yield from reset_link(target, stations)
        yield from send(command(target), stations, tries=tries)
