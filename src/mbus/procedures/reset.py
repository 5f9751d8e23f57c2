"""Application reset and select (MBUS.md 4.3)."""

from functools import partial

from mbus.application.commands import application_reset
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.station import Stations
from mbus.procedures.exchange import TRIES
from mbus.procedures.read import Target, read
from mbus.procedures.reading import Reading
from mbus.procedures.steps import Procedure
from mbus.procedures.write import Command, write, write_frames


def reset_frames(target: Target, subcode: int | None = None) -> tuple[ShortFrame | LongFrame, ...]:
    """Give the frames that reset or select the application, without sending them."""
    return write_frames(target, _command(subcode))


def reset_application(
    target: Target, stations: Stations, *, subcode: int | None = None, tries: int = TRIES
) -> Procedure[Reading]:
    """Reset a meter's application, or select one by `subcode` (high nibble application, low nibble telegram).

    Many meters acknowledge and do nothing; the reading that follows shows what they send now. Raise `ProcedureError` when
    the meter does not acknowledge or cannot be read.
    """
    yield from write(target, _command(subcode), stations, tries=tries)
    return (yield from read(target, stations, tries=tries))


def _command(subcode: int | None) -> Command:
    return partial(application_reset, subcode=subcode, fcb=True)
