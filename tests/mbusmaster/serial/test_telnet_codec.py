"""Telnet taken apart and options agreed on: transcripts, any chunking, any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusmaster.channels.telnet import (
    BINARY,
    DO,
    DONT,
    IAC,
    MAX_SUBNEGOTIATION,
    SB,
    SE,
    WILL,
    WONT,
    Data,
    Negotiate,
    Options,
    Subnegotiation,
    TelnetDecoder,
    TelnetEvent,
    escape,
    subnegotiation,
)

COM_PORT = 44
NOP = 241

pieces = st.one_of(
    st.binary(max_size=20).map(lambda data: (escape(data), data)),
    st.tuples(st.sampled_from((WILL, WONT, DO, DONT)), st.integers(0, 255)).map(
        lambda pair: (bytes((IAC, *pair)), b"")
    ),
    st.binary(min_size=1, max_size=20).map(lambda data: (subnegotiation(data), b"")),
    st.just((bytes((IAC, NOP)), b"")),
)


def payload(events: list[TelnetEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


def commands(events: list[TelnetEvent]) -> list[TelnetEvent]:
    return [event for event in events if not isinstance(event, Data)]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"\x10\x40", [Data(b"\x10\x40")]),
        (b"\xff\xff", [Data(b"\xff")]),
        (bytes((IAC, NOP)) + b"x", [Data(b"x")]),
        (b"a" + bytes((IAC, WILL, COM_PORT)) + b"b", [Data(b"a"), Negotiate(WILL, COM_PORT), Data(b"b")]),
        (subnegotiation(b"\x2c\x01\x00\x00\xff\xff"), [Subnegotiation(b"\x2c\x01\x00\x00\xff\xff")]),
        (bytes((IAC, SB, IAC, SE)), []),
        # What RFC 855 does not allow: a command inside; it counts, what was begun does not.
        (bytes((IAC, SB, COM_PORT, IAC, DO, BINARY)) + b"x", [Negotiate(DO, BINARY), Data(b"x")]),
        (bytes((IAC, SE)) + b"x", [Data(b"x")]),
        (subnegotiation(bytes(MAX_SUBNEGOTIATION)), [Subnegotiation(bytes(MAX_SUBNEGOTIATION))]),
        (subnegotiation(bytes(MAX_SUBNEGOTIATION + 1)) + b"x", [Data(b"x")]),
    ],
)
def test_a_stream_is_taken_apart(data: bytes, events: list[TelnetEvent]) -> None:
    assert TelnetDecoder().feed(data) == events


@given(st.lists(pieces), st.integers(1, 7))
def test_pieces_of_any_size_mean_the_same(parts: list[tuple[bytes, bytes]], size: int) -> None:
    stream = b"".join(wire for wire, _ in parts)
    decoder = TelnetDecoder()
    events = [
        event for start in range(0, len(stream), size) for event in decoder.feed(stream[start : start + size])
    ]
    whole = TelnetDecoder().feed(stream)
    assert payload(events) == payload(whole) == b"".join(data for _, data in parts)
    assert commands(events) == commands(whole)


@given(st.lists(st.binary(max_size=50)))
def test_any_bytes_are_taken_and_memory_stays_bounded(chunks: list[bytes]) -> None:
    decoder = TelnetDecoder()
    for chunk in chunks:
        events = decoder.feed(chunk)
        assert len(payload(events)) <= len(chunk)
    assert len(decoder._sub or b"") <= MAX_SUBNEGOTIATION


def test_a_subnegotiation_without_end_takes_no_memory() -> None:
    decoder = TelnetDecoder()
    decoder.feed(bytes((IAC, SB)))
    for _ in range(100):
        assert decoder.feed(bytes(4096)) == []
    assert decoder._sub is None


@given(st.binary())
def test_escaped_data_comes_out_as_it_was(data: bytes) -> None:
    assert payload(TelnetDecoder().feed(escape(data))) == data


def options() -> Options:
    return Options(frozenset((BINARY, COM_PORT)), frozenset((BINARY, COM_PORT)))


def test_what_is_known_is_agreed_to_once_and_the_rest_refused() -> None:
    ours = options()
    assert ours.negotiate(Negotiate(DO, BINARY)) == bytes((IAC, WILL, BINARY))
    assert ours.negotiate(Negotiate(DO, BINARY)) == b""
    assert ours.performs(BINARY)
    assert ours.negotiate(Negotiate(WILL, COM_PORT)) == bytes((IAC, DO, COM_PORT))
    assert ours.peer_performs(COM_PORT)
    assert ours.negotiate(Negotiate(DO, 1)) == bytes((IAC, WONT, 1))
    assert ours.negotiate(Negotiate(WILL, 31)) == bytes((IAC, DONT, 31))
    assert ours.negotiate(Negotiate(DONT, BINARY)) == bytes((IAC, WONT, BINARY))
    assert ours.negotiate(Negotiate(DONT, BINARY)) == b""


def test_an_agreement_to_what_was_asked_is_not_answered() -> None:
    ours = options()
    assert ours.ask() == bytes((IAC, WILL, BINARY, IAC, WILL, COM_PORT, IAC, DO, BINARY, IAC, DO, COM_PORT))
    assert ours.negotiate(Negotiate(DO, BINARY)) == b""
    assert ours.negotiate(Negotiate(WONT, COM_PORT)) == b""
    assert not ours.peer_performs(COM_PORT)


def test_two_sides_that_both_ask_come_to_an_end() -> None:
    here, there = options(), options()
    waiting = [(there, here.ask()), (here, there.ask())]
    for _ in range(10):
        if not waiting:
            break
        side, data = waiting.pop(0)
        answer = b"".join(
            side.negotiate(event) for event in TelnetDecoder().feed(data) if isinstance(event, Negotiate)
        )
        if answer:
            waiting.append((here if side is there else there, answer))
    assert not waiting
    assert here.performs(COM_PORT)
    assert there.peer_performs(COM_PORT)
