"""Raw telegrams come back byte by byte, and one that is like another is short."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.raw import pack_frame, unpack_frames
from support.needs import SHARED
from support.telegrams import read_hex


@given(st.lists(st.tuples(st.binary(max_size=261), st.none() | st.binary(max_size=261)), max_size=4))
def test_any_frames_come_back_whatever_their_bases(frames: list[tuple[bytes, bytes | None]]) -> None:
    packed = bytearray()
    for number, (frame, base) in enumerate(frames, 1):
        pack_frame(frame, base, number, packed)
    assert unpack_frames(bytes(packed), lambda number: frames[number - 1][1] or b"") == [
        one for one, _ in frames
    ]


@given(st.binary(min_size=1, max_size=261), st.data())
def test_a_frame_that_differs_in_some_bytes_comes_back(base: bytes, data: st.DataObject) -> None:
    frame = bytearray(base)
    for place in data.draw(st.lists(st.integers(0, len(base) - 1))):
        frame[place] = data.draw(st.integers(0, 255))
    packed = bytearray()
    pack_frame(bytes(frame), base, 7, packed)
    assert unpack_frames(bytes(packed), lambda _: base) == [bytes(frame)]


def test_a_telegram_that_differs_in_three_bytes_takes_a_dozen() -> None:
    base = read_hex(SHARED / "telegrams" / "good" / "kamstrup_multical_601.hex")
    frame = bytearray(base)
    for place in (15, 25, -2):
        frame[place] ^= 0x55
    packed = bytearray()
    assert pack_frame(bytes(frame), base, 1, packed) == 3
    assert len(packed) <= 12 < len(base) / 10


@given(st.binary(max_size=40))
def test_bytes_that_were_not_packed_here_are_refused_or_mean_something(packed: bytes) -> None:
    with contextlib.suppress(PackedError):
        unpack_frames(packed, lambda _: bytes(20))


def test_packed_bytes_that_are_cut_off_are_refused() -> None:
    packed = bytearray()
    pack_frame(b"\x01\x02\x03", None, 0, packed)
    with pytest.raises(PackedError):
        unpack_frames(bytes(packed[:-1]), lambda _: b"")
