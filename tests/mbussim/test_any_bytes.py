"""Whatever is sent to the simulated bus, it answers or is silent, and answers only sound frames."""

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from mbus.link.decoder import Dropped, StreamDecoder
from mbus.link.frames import LongFrame, ShortFrame
from mbussim.bus import Bus, Collisions
from mbussim.demo import modelled_meters
from mbussim.faults import Fault, FaultError

CONTROLS = st.sampled_from([0x40, 0x43, 0x49, 0x53, 0x73, 0x5A, 0x7A, 0x5B, 0x7B]) | st.integers(0, 255)
ADDRESSES = st.integers(1, 14) | st.sampled_from([0, 0xFD, 0xFE, 0xFF]) | st.integers(0, 255)
HEADS = st.sampled_from(
    [b"", b"\x01\x7a", b"\x0c\x79", b"\x07\x79", b"\x04\x6d", b"\x02\x6c", b"\x08", b"\x7f"]
)
DATA = st.builds(lambda head, rest: head + rest, HEADS, st.binary(max_size=20))
CIS = st.sampled_from([0x50, 0x51, 0x52, 0x5C, 0xB8, 0xBD]) | st.integers(0, 255)
FRAMES = st.builds(ShortFrame, CONTROLS, ADDRESSES) | st.builds(LongFrame, CONTROLS, ADDRESSES, CIS, DATA)


@settings(max_examples=60, deadline=None)
@given(frames=st.lists(FRAMES, max_size=25), seed=st.integers(0, 3))
def test_any_conversation_leaves_every_meter_able_to_answer(
    frames: list[ShortFrame | LongFrame], seed: int
) -> None:
    meters = modelled_meters(14, "random", seed, datetime(2026, 1, 1))
    bus = Bus.of(meters, collisions=Collisions.FILTERED, seed=seed)
    now = 0.0
    for frame in frames:
        bus.transmit(frame.to_bytes(), now, 2400)
        now += 5
        heard = b"".join(piece.data for piece in bus.receive(now))
        decoder = StreamDecoder()
        assert not any(isinstance(event, Dropped) for event in decoder.feed(heard))
        assert not decoder.pending
    for meter in meters:
        assert all(frame.to_bytes() for frame in meter.reading(now))


@settings(max_examples=100, deadline=None)
@given(data=st.lists(st.binary(max_size=40), max_size=8), baud=st.sampled_from([300, 2400, 9600]))
def test_any_bytes_are_borne_by_the_bus(data: list[bytes], baud: int) -> None:
    bus = Bus.of(modelled_meters(3, "random", 1, datetime(2026, 1, 1)))
    now = 0.0
    for piece in data:
        now = bus.transmit(piece, now, baud)
        bus.receive(now)
    assert sum(len(piece.data) for piece in bus.receive(now + 100)) <= 300 * (1 + sum(map(len, data)))


@given(
    text=st.text(max_size=40)
    | st.builds("{}={}".format, st.sampled_from(["loss", "late", "deaf"]), st.text(max_size=9))
)
def test_any_text_is_a_fault_or_refused_as_one(text: str) -> None:
    try:
        fault = Fault.from_text(text)
    except FaultError:
        return
    assert Fault.from_text(str(fault)).kind == fault.kind
