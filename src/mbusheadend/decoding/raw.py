"""Raw telegrams in few bytes: one of a meter differs from the one before in a few counters, its access number and checksum.

A *base* is an earlier frame of the same meter and length, kept whole. A frame is packed as its bytes that differ: a mask with one
bit for each byte of the frame, itself packed the same way once more, then the differing bytes, combined with those of the base
by XOR.
Frames without a useful base stand there as they are.
"""

from collections.abc import Callable
from typing import Final

from mbusheadend.decoding import varint
from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.varint import Source

PLAIN: Final = 0
"""Stands where otherwise the number of a base is."""
_MARKS: Final = b"0" + b"1" * 255
"""By byte: a digit that says whether it differs from zero."""


def pack_frame(frame: bytes, base: bytes | None, number: int, packed: bytearray) -> int:
    """Append a frame, by its base where there is one of that length and it helps; say how many bytes differ from the base."""
    if frame and base is not None and len(base) == len(frame):
        difference = _exclusive_or(frame, base)
        short = bytearray()
        _append_sparse(difference, short)
        if len(short) < len(frame):
            varint.append(number, packed)
            packed += short
            return len(frame) - difference.count(0)
    packed.append(PLAIN)
    varint.append(len(frame), packed)
    packed += frame
    return len(frame)


def unpack_frames(packed: bytes, base_of: Callable[[int], bytes]) -> list[bytes]:
    """Give the frames back; `base_of` gives a base by its number. Raise `PackedError`."""
    source = Source(packed)
    frames = []
    while not source.is_empty:
        number = source.number()
        if number == PLAIN:
            frames.append(source.counted())
            continue
        base = base_of(number)
        difference = _sparse(source, len(base))
        frames.append(_exclusive_or(difference, base))
    return frames


def _exclusive_or(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def _append_sparse(data: bytes, packed: bytearray) -> None:
    mask = _mask_of(data)
    packed += _mask_of(mask)
    packed += mask.translate(None, b"\x00")
    packed += data.translate(None, b"\x00")


def _mask_of(data: bytes) -> bytes:
    return int(data.translate(_MARKS), 2).to_bytes((len(data) + 7) // 8, "big")


def _sparse(source: Source, length: int) -> bytes:
    mask_length = (length + 7) // 8
    outer = source.take((mask_length + 7) // 8)
    mask = _spread(outer, mask_length, source)
    return _spread(mask, length, source)


def _spread(mask: bytes, length: int, source: Source) -> bytes:
    marks = f"{int.from_bytes(mask, 'big'):0{length}b}"
    if len(marks) > length:
        raise PackedError("a mask names bytes behind the end of the frame")
    present = iter(source.take(marks.count("1")))
    return bytes(next(present) if mark == "1" else 0 for mark in marks)
