"""Telegrams of many layouts, and others of the same layout with whatever values."""

from datetime import UTC, datetime
from functools import cache

from hypothesis import strategies as st

from mbus.application.telegram import learn_layout
from mbus.errors import MBusError
from mbus.link.frames import LongFrame, parse_frame
from mbussim.model import models
from mbussim.modelled import ModelledMeter
from support.needs import shared_telegrams
from support.telegrams import read_hex

FIRST = datetime(2024, 2, 29, 12, tzinfo=UTC)
HOSTILE = (
    bytes(8),
    b"\xff" * 8,
    b"\x00\x00\x00\x80" * 2,
    b"\x00\x80",
    b"\x80",
    b"\x12\x34\x56\xf8",
    b"\xdd\xeb\xbd",
    b"\x00\x00\xc0\x7f",
    b"\xff\xff\x0f\x1f",
)
"""Values that stand for "none", are no decimal number, negative, no finite float, no date; bytes that look like blocks."""


@cache
def recorded_frames() -> tuple[LongFrame, ...]:
    """Give the recorded telegrams, good ones and broken ones, as far as they are long frames."""
    frames = []
    for path in sorted(shared_telegrams().glob("*/*.hex")):
        try:
            frame = parse_frame(read_hex(path))
        except (MBusError, ValueError):
            continue
        if isinstance(frame, LongFrame):
            frames.append(frame)
    return tuple(frames)


@cache
def simulated_frames() -> tuple[LongFrame, ...]:
    """Give two readings, a day apart, of a meter of each model of the simulator."""
    meters = [ModelledMeter(model, 1, "12345678", FIRST, 1) for model in models().values()]
    return tuple(frame for meter in meters for now in (0.0, 86_400.0) for frame in meter.reading(now))


@st.composite
def changed(draw: st.DrawFn) -> tuple[LongFrame, LongFrame]:
    """Give a telegram, and one with some other bytes anywhere, often in the values."""
    frame = draw(st.sampled_from(recorded_frames() + simulated_frames()))
    data = bytearray(frame.data)
    pieces = st.sampled_from(HOSTILE) | st.binary(min_size=1, max_size=8)
    for piece in draw(st.lists(pieces, max_size=4)):
        if data:
            start = draw(st.integers(0, len(data) - 1))
            data[start : start + len(piece)] = piece[: len(data) - start]
    return frame, LongFrame(frame.control, frame.address, frame.ci, bytes(data))


@st.composite
def with_other_values(draw: st.DrawFn) -> tuple[LongFrame, LongFrame]:
    """Give a telegram that has a layout, and one of the same layout with other values, hostile ones too."""
    frame = draw(st.sampled_from(recorded_frames() + simulated_frames()))
    layout = learn_layout(frame)
    data = bytearray(frame.data)
    for column in () if layout is None else layout.columns:
        value = draw(st.none() | st.sampled_from(HOSTILE) | st.binary(min_size=1, max_size=8))
        for place in range(column.start, column.start + column.size if value else 0):
            if layout is not None and value and not layout.fixed[place]:
                data[place] = value[(place - column.start) % len(value)]
    return frame, LongFrame(frame.control, frame.address, frame.ci, bytes(data))
