"""Frames whose CI field follows from the header they carry: none, short or long (MBUS.md 4.1)."""

from mbus.application.header import Header
from mbus.errors import EncodeError
from mbus.link.frames import LongFrame

Kinds = tuple[int, int | None, int]
"""The CI fields of one service: without header, with a short one, with a long one; None where there is none."""


def headed_frame(kinds: Kinds, control: int, address: int, header: Header | None, data: bytes) -> LongFrame:
    """Build the frame; raise `EncodeError` when it would be too long or the service has no such form."""
    none, short, long = kinds
    ci: int | None = none
    if header is not None:
        ci = short if header.secondary is None else long
        data = header.to_bytes() + data
    if ci is None:
        raise EncodeError(f"CI {none:02X} has no form with a short header")
    frame = LongFrame(control, address, ci, data)
    # Too long a frame is refused here and not when somebody sends it.
    frame.to_bytes()
    return frame
