import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusio.tunnel.frames import (
    MAX_DATA,
    MAX_REASON,
    WINDOW,
    Account,
    Decoder,
    EndCode,
    Frame,
    FrameError,
    Kind,
    see_version,
)

FRAMES = st.one_of(
    st.just(Frame.hello()),
    st.builds(Frame.data, st.integers(0, 2**63), st.binary(min_size=1, max_size=MAX_DATA)),
    st.builds(Frame.ack, st.integers(0, 2**63)),
    st.builds(Frame, st.sampled_from([Kind.PING, Kind.PONG]), st.binary(min_size=8, max_size=8)),
    st.builds(Frame.end, st.sampled_from(EndCode), st.text(max_size=2 * MAX_REASON)),
)


@given(st.lists(FRAMES, max_size=20), st.data())
def test_frames_come_out_as_they_went_in_whatever_the_pieces(
    frames: list[Frame], data: st.DataObject
) -> None:
    stream = b"".join(frame.to_bytes() for frame in frames)
    decoder, found, at = Decoder(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, max(1, len(stream) - at)))
        found += decoder.feed(stream[at : at + size])
        at += size
    assert found == frames


@given(st.binary(max_size=5000))
def test_any_bytes_are_frames_or_one_error_and_little_is_kept(data: bytes) -> None:
    decoder = Decoder()
    try:
        frames = decoder.feed(data)
    except FrameError:
        return
    rest = len(data) - sum(len(frame.to_bytes()) for frame in frames)
    assert 0 <= rest < MAX_DATA + 11
    for frame in frames:
        if frame.kind is Kind.END:
            assert frame.reason[1].isprintable() or not frame.reason[1]


@pytest.mark.parametrize(
    "stream", ["00 0000", "09 0000", "01 0002", "02 0008", "02 0809", "03 0009", "06 0000"]
)
def test_what_is_no_frame_is_refused_before_it_is_whole(stream: str) -> None:
    with pytest.raises(FrameError):
        Decoder().feed(bytes.fromhex(stream))


def test_a_reason_is_shown_in_one_line_and_not_for_long() -> None:
    frame = Frame.end(EndCode.ENDED, "one\n\x1b[31mtwo" + "x" * 1000)
    code, text = frame.reason
    assert code is EndCode.ENDED
    assert text.startswith("one  [31mtwo")
    assert len(text) == MAX_REASON
    assert Frame(Kind.END, b"\xff").reason == (EndCode.CLOSED, "")


def test_bytes_are_counted_and_a_position_that_does_not_follow_is_an_error() -> None:
    account = Account()
    assert account.data(Frame.data(0, b"abc")) == b"abc"
    for position in (0, 2, 4):
        with pytest.raises(FrameError, match="from 3 on"):
            account.data(Frame.data(position, b"x"))
    for position in (0, 4):
        with pytest.raises(FrameError, match="cannot have been taken"):
            account.ack(Frame.ack(position))
    account.ack(Frame.ack(3))
    assert account.room == WINDOW


def test_no_more_is_on_its_way_than_the_window() -> None:
    account = Account()
    while account.room:
        account.data(Frame.data(account.sent, bytes(min(MAX_DATA, account.room))))
    with pytest.raises(FrameError, match="more bytes"):
        account.data(Frame.data(WINDOW, b"x"))


def test_another_version_is_refused_by_name() -> None:
    see_version(Frame.hello())
    with pytest.raises(FrameError, match="version 2"):
        see_version(Frame(Kind.HELLO, b"\x02"))
    with pytest.raises(FrameError, match="begins with HELLO"):
        see_version(Frame.ack(0))
