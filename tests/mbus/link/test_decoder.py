import random
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.link.decoder import REPORTED_BYTES, Dropped, Event, StreamDecoder
from mbus.link.frames import MAX_FRAME, LongFrame, ShortFrame, SingleCharacter

RESPONSE = LongFrame(0x08, 5, 0x72, bytes(range(12)) + b"\x04\x06\x01\x02\x03\x04")
SHORT = ShortFrame(0x5B, 5)
ACK = SingleCharacter()
KINDS: list[SingleCharacter | ShortFrame | LongFrame] = [
    RESPONSE,
    SHORT,
    ACK,
    LongFrame(0x53, 1, 0xBB),
    LongFrame(0x08, 1, 0x72, b"\x68\x10\xe5\x16" * 63),
]

pieces = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([frame.to_bytes() for frame in KINDS]),
        st.sampled_from(
            [b"\x68", b"\x10", b"\x68\x05\x05\x68", b"\x68\xff\xff\x68", RESPONSE.to_bytes()[:-1]]
        ),
    ),
    max_size=12,
).map(b"".join)


def events_of(data: bytes, cuts: list[int] | None = None) -> list[Event]:
    """Feed `data` cut at those places; end with a flush."""
    decoder = StreamDecoder()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or ()), len(data)]
    events: list[Event] = []
    for start, end in pairwise(edges):
        events += decoder.feed(data[start:end])
        assert len(decoder.pending) < MAX_FRAME
    return events + decoder.flush()


def merged(events: list[Event]) -> list[object]:
    """Join neighbouring `Dropped`: frames as they are, runs of dropped bytes as their count."""
    joined: list[object] = []
    for is_dropped, run in groupby(events, lambda event: isinstance(event, Dropped)):
        if is_dropped:
            joined.append(sum(event.count for event in run if isinstance(event, Dropped)))
        else:
            joined.extend(run)
    return joined


@pytest.mark.parametrize("frame", KINDS)
def test_a_frame_is_read_whole_byte_by_byte_and_with_trailing_data(
    frame: SingleCharacter | ShortFrame | LongFrame,
) -> None:
    data = frame.to_bytes()
    assert events_of(data) == [frame]
    assert events_of(data, list(range(len(data)))) == [frame]
    assert events_of(data + b"\x00\x01") == [frame, Dropped(2, b"\x00\x01", "no frame begins with 00")]
    assert events_of(data + data) == [frame, frame]


def test_a_frame_is_given_with_its_last_byte_and_not_later() -> None:
    decoder = StreamDecoder()
    data = RESPONSE.to_bytes()
    assert decoder.feed(data[:-1]) == []
    assert decoder.pending == data[:-1]
    assert decoder.feed(data[-1:]) == [RESPONSE]
    assert decoder.pending == b""


@given(pieces, st.lists(st.integers(0, 4000), max_size=30))
def test_any_bytes_give_the_same_in_any_chunking(data: bytes, cuts: list[int]) -> None:
    assert merged(events_of(data, cuts)) == merged(events_of(data))


@given(pieces)
def test_every_byte_is_in_a_frame_or_dropped(data: bytes) -> None:
    counts = (
        event.count if isinstance(event, Dropped) else len(event.to_bytes()) for event in events_of(data)
    )
    assert sum(counts) == len(data)


def test_a_frame_right_behind_a_false_start_is_not_lost() -> None:
    data = b"\x68\x05\x05\x68" + RESPONSE.to_bytes()
    assert RESPONSE in events_of(data)


def test_a_frame_behind_a_wrong_checksum_is_not_lost() -> None:
    broken = bytearray(RESPONSE.to_bytes())
    broken[-2] ^= 1
    events = events_of(bytes(broken) + RESPONSE.to_bytes())
    assert events[-1] == RESPONSE
    assert isinstance(events[0], Dropped)
    assert "checksum" in events[0].reason


def test_trouble_drops_one_byte_only() -> None:
    assert events_of(b"\x10" + SHORT.to_bytes()) == [Dropped(1, b"\x10", "stop byte is 60, not 16"), SHORT]


def test_an_unfinished_frame_is_searched_when_waiting_ends() -> None:
    decoder = StreamDecoder()
    assert decoder.feed(b"\x68\xff\xff\x68" + SHORT.to_bytes() + ACK.to_bytes()) == []
    events = decoder.flush()
    assert events[1:] == [SHORT, ACK]
    assert events[0] == Dropped(4, b"\x68\xff\xff\x68", "the frame that began here never ended")
    assert decoder.pending == b""


def test_what_was_dropped_is_told_exactly_and_kept_in_part() -> None:
    noise = bytes(1000)
    (event,) = events_of(noise)
    assert event == Dropped(1000, noise[:REPORTED_BYTES], "no frame begins with 00")


def test_each_run_of_dropped_bytes_stands_in_its_place() -> None:
    events = events_of(b"\x01\x02" + ACK.to_bytes() + b"\x03" + SHORT.to_bytes())
    assert [event.data if isinstance(event, Dropped) else event for event in events] == [
        b"\x01\x02",
        ACK,
        b"\x03",
        SHORT,
    ]


@pytest.mark.parametrize("pattern", [bytes(4), b"\x68", b"\x10", b"\x68\xff\xff\x68", None])
def test_megabytes_without_a_frame_leave_nothing_behind(pattern: bytes | None) -> None:
    size = 300_000 if pattern else 10_000_000
    data = pattern * (size // len(pattern)) if pattern else random.Random(1).randbytes(size)
    decoder = StreamDecoder()
    dropped = 0
    for start in range(0, size, 65536):
        events = decoder.feed(data[start : start + 65536])
        dropped += sum(event.count for event in events if isinstance(event, Dropped))
        assert len(decoder.pending) < MAX_FRAME
    assert dropped > size * 0.9
