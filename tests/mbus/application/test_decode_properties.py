"""Whatever the bytes: a result or an error of our tree, and the same for any chunking."""

import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mbus.application.as_json import dumps, telegram_as_json
from mbus.application.telegram import Telegram, decode_telegram
from mbus.errors import MBusError
from mbus.link.decoder import Dropped, StreamDecoder
from mbus.link.frames import LongFrame
from support.telegrams import LONG_HEADER

bodies = st.binary(max_size=252)
ci_fields = st.integers(0, 255) | st.sampled_from([0x51, 0x70, 0x72, 0x73, 0x76, 0x77, 0x78, 0x7A, 0x90])
# Bytes that open blocks, extend them, or promise more data than there are.
blocks = st.lists(
    st.sampled_from(
        [
            bytes((byte,))
            for byte in (0x04, 0x0D, 0x84, 0x8F, 0xFC, 0x7C, 0xFB, 0xFD, 0xFF, 0x2F, 0x1F, 0xBF, 0xC2)
        ]
    )
    | st.binary(min_size=1, max_size=4),
    max_size=60,
).map(b"".join)


def check(telegram: Telegram) -> None:
    """What holds for every telegram, from whatever bytes."""
    json.loads(dumps(telegram_as_json(telegram)))
    assert all(record.index == index for index, record in enumerate(telegram.records))
    for record in telegram.records:
        assert record.value is not None or record.status
        assert record.value is None or isinstance(record.value, (int, Decimal, float, str))


@given(st.integers(0, 255), st.integers(0, 255), ci_fields, bodies)
def test_any_frame_gives_a_telegram(control: int, address: int, ci: int, data: bytes) -> None:
    check(decode_telegram(LongFrame(control, address, ci, data)))


@given(blocks)
def test_any_records_behind_a_long_header_give_a_telegram_and_keep_their_bytes(data: bytes) -> None:
    telegram = decode_telegram(LongFrame(0x08, 1, 0x72, LONG_HEADER + data))
    check(telegram)
    position = 0
    for record in telegram.records:
        sent = record.dib + record.vib + record.raw
        position = data.index(sent, position) + len(sent)


@given(st.integers(0, 255), bodies, st.binary(min_size=16, max_size=16))
def test_any_frame_with_a_key_gives_a_telegram(mode: int, data: bytes, key: bytes) -> None:
    header = LONG_HEADER[:10] + bytes((0x10, mode & 0x1F))
    check(decode_telegram(LongFrame(0x08, 1, 0x72, header + data), key=key))


@given(st.binary(max_size=300))
def test_any_bytes_as_a_frame_give_a_telegram_or_an_error_of_the_tree(data: bytes) -> None:
    with suppress(MBusError):
        check(decode_telegram(data))


@given(
    st.lists(
        st.binary(max_size=40) | bodies.map(lambda data: LongFrame(8, 1, 0x72, data).to_bytes()), max_size=8
    ),
    st.data(),
)
def test_any_stream_in_any_chunking_gives_the_same_frames_and_loses_no_byte(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(pieces)
    decoder = StreamDecoder()
    events, position = [], 0
    while position < len(stream):
        size = data.draw(st.integers(1, len(stream) - position))
        events += decoder.feed(stream[position : position + size])
        position += size
    events += decoder.flush()
    whole = StreamDecoder()
    at_once = whole.feed(stream) + whole.flush()
    assert _frames(events) == _frames(at_once)
    assert sum(
        event.count if isinstance(event, Dropped) else len(event.to_bytes()) for event in events
    ) == len(stream)


def _frames(events: Sequence[object]) -> list[object]:
    return [event for event in events if not isinstance(event, Dropped)]
