"""Giving a meter another primary address (MBUS.md 7.1)."""

from functools import partial

from mbus.application.commands import set_primary, snd_nke
from mbus.errors import (
    AddressError,
    GarbledAnswerError,
    NoAnswerError,
    ProcedureError,
    VerificationError,
)
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES
from mbus.procedures.read import Target, read, read_primary
from mbus.procedures.reading import Reading
from mbus.procedures.steps import Expects, Procedure, Request, Silence, ask
from mbus.procedures.write import Command, narrowed, write, write_frames


def set_address_frames(target: Target, new: int) -> tuple[ShortFrame | LongFrame, ...]:
    """Give the frames that write the address, without sending them."""
    return write_frames(target, _command(new))


def set_address(target: Target, new: int, stations: Stations, *, tries: int = TRIES) -> Procedure[Reading]:
    """Give a meter the primary address `new` (0 to 250) and prove it by a reading there.

    The meter is read before, so that the proof can compare who answers, and nobody may live at the new address yet. The
    acknowledgement may get lost, and the meter has moved then: the proof is tried in any case.

    Raise `AddressError` when the new address is none or is taken, `VerificationError` when another meter answers there or
    none, other `ProcedureError` when the meter cannot be read at first.
    """
    command = _command(new)
    # A value that does not fit is refused before anything is sent.
    command(0)
    before = yield from read(target, stations, tries=tries)
    if before.primary == new:
        return before
    yield from _expect_nobody(new, tries)
    unacknowledged: ProcedureError | None = None
    try:
        yield from write(narrowed(target, before), command, stations, tries=tries)
    except (NoAnswerError, GarbledAnswerError) as error:
        unacknowledged = error
    stations.failed(new)
    try:
        after = yield from read_primary(new, stations, tries=tries)
    except NoAnswerError:
        raise VerificationError(f"nobody answers at address {new} after the change") from unacknowledged
    if after.secondary != before.secondary:
        raise VerificationError(f"{after.secondary} answers at address {new}, not {before.secondary}")
    return after


def _expect_nobody(address: int, tries: int) -> Procedure[None]:
    for _ in range(tries):
        outcome = yield from ask(Request(snd_nke(address), Expects.ACK))
        if not isinstance(outcome, Silence):
            raise AddressError(f"address {address} is taken: something answers there")


def _command(new: int) -> Command:
    return partial(set_primary, new=new, fcb=True)
