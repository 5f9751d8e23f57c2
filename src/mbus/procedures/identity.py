"""Giving a meter another secondary address, or its identification only (MBUS.md 7.1)."""

from dataclasses import replace
from functools import partial

from mbus.addressing import SecondaryAddress
from mbus.application.commands import set_identification, set_secondary
from mbus.errors import AddressError, GarbledAnswerError, NoAnswerError, ProcedureError, VerificationError
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES
from mbus.procedures.read import Target, read, select_meter
from mbus.procedures.reading import Reading
from mbus.procedures.steps import Procedure
from mbus.procedures.write import Command, narrowed, write, write_frames


def set_identity_frames(target: Target, new: SecondaryAddress | str) -> tuple[ShortFrame | LongFrame, ...]:
    """Give the frames that write the identity, without sending them."""
    return write_frames(target, _command(new))


def set_identity(
    target: Target, new: SecondaryAddress | str, stations: Stations, *, tries: int = TRIES
) -> Procedure[Reading]:
    """Give a meter a complete secondary address, or eight digits of identification, and prove it by a reading.

    Nobody may have the new identity yet: two meters that share one can be told apart no more. Raise `AddressError` when
    somebody has, `VerificationError` when the meter does not say the new identity afterwards, other `ProcedureError` when it
    cannot be read at first.
    """
    command = _command(new)
    # A value that does not fit is refused before anything is sent.
    command(0)
    before = yield from read(target, stations, tries=tries)
    if before.secondary is None:
        raise VerificationError("the meter does not say its identity, so a change could not be proven")
    expected = replace(before.secondary, identification=new) if isinstance(new, str) else new
    if expected == before.secondary:
        return before
    yield from _expect_nobody(expected, stations, tries)
    unacknowledged: ProcedureError | None = None
    try:
        yield from write(narrowed(target, before), command, stations, tries=tries)
    except (NoAnswerError, GarbledAnswerError) as error:
        unacknowledged = error
    try:
        after = yield from read(
            expected if isinstance(target, SecondaryAddress) else target, stations, tries=tries
        )
    except NoAnswerError:
        raise VerificationError(f"nobody answers as {expected} after the change") from unacknowledged
    if after.secondary != expected:
        raise VerificationError(f"the meter says it is {after.secondary}, not {expected}")
    return after


def _expect_nobody(identity: SecondaryAddress, stations: Stations, tries: int) -> Procedure[None]:
    try:
        yield from select_meter(identity, stations, tries=tries)
    except NoAnswerError:
        return
    except GarbledAnswerError:
        pass
    raise AddressError(f"{identity} is taken: a meter lets itself be selected by it")


def _command(new: SecondaryAddress | str) -> Command:
    if isinstance(new, str):
        return partial(set_identification, identification=new, fcb=True)
    return partial(set_secondary, secondary=new, fcb=True)
