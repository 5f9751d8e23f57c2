import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.errors import EncodeError, FrameError, IncompleteFrameError, InvalidFrameError
from mbus.link.frames import (
    Frame,
    LongFrame,
    ShortFrame,
    SingleCharacter,
    checksum,
    expected_length,
    parse_frame,
)

octets = st.integers(0, 255)
frames: st.SearchStrategy[Frame] = st.one_of(
    st.sampled_from((SingleCharacter(0xE5), SingleCharacter(0xA2))),
    st.builds(ShortFrame, octets, octets),
    st.builds(LongFrame, octets, octets, octets, st.binary(max_size=252)),
)
REAL = bytes.fromhex("6806066853015101 7A0525 16".replace(" ", ""))


@given(frames)
def test_a_frame_survives_its_bytes(frame: Frame) -> None:
    assert parse_frame(frame.to_bytes()) == frame


@given(frames)
def test_no_beginning_of_a_frame_is_a_frame_or_invalid(frame: Frame) -> None:
    data = frame.to_bytes()
    for end in range(len(data)):
        with pytest.raises(IncompleteFrameError):
            parse_frame(data[:end])


@given(frames, st.binary(min_size=1, max_size=3))
def test_bytes_behind_the_end_are_refused(frame: Frame, tail: bytes) -> None:
    with pytest.raises(InvalidFrameError, match="follow the end"):
        parse_frame(frame.to_bytes() + tail)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    try:
        frame = parse_frame(data)
    except FrameError:
        return
    assert frame.to_bytes() == data


@given(frames.filter(lambda frame: not isinstance(frame, SingleCharacter)), st.data())
def test_one_wrong_bit_is_never_taken_for_another_frame(frame: Frame, data: st.DataObject) -> None:
    sent = bytearray(frame.to_bytes())
    position = data.draw(st.integers(0, len(sent) - 1))
    sent[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FrameError):
        parse_frame(bytes(sent))


def test_a_frame_without_data_is_the_control_frame() -> None:
    assert LongFrame(0x53, 1, 0xBB).to_bytes().hex(" ") == "68 03 03 68 53 01 bb 0f 16"


def test_the_checksum_runs_from_control_field_to_last_data_byte() -> None:
    assert checksum(REAL[4:-2]) == REAL[-2]


def test_the_largest_frame_has_252_data_bytes() -> None:
    assert len(LongFrame(8, 1, 0x72, bytes(252)).to_bytes()) == 261
    with pytest.raises(EncodeError, match="at most 252"):
        LongFrame(8, 1, 0x72, bytes(253)).to_bytes()


@pytest.mark.parametrize(
    "frame", [ShortFrame(256, 0), ShortFrame(0, -1), LongFrame(0, 0, 256), LongFrame(0, 256, 0)]
)
def test_a_field_that_is_no_byte_is_an_error_of_our_tree(frame: ShortFrame | LongFrame) -> None:
    with pytest.raises(EncodeError, match="are bytes"):
        frame.to_bytes()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("00", "no frame begins with 00"),
        ("16", "no frame begins with 16"),
        ("68 02 02 68", "below 3"),
        ("68 00", "below 3"),
        ("68 05 06", "length fields differ"),
        ("68 05 05 69", "second start byte"),
        ("10 40 01 41 17", "stop byte"),
        ("10 40 01 42 16", "checksum"),
        ("68 03 03 68 08 01 72 7C 16", "checksum"),
        ("68 03 03 68 08 01 72 7B 15", "stop byte"),
    ],
)
def test_what_no_continuation_can_make_a_frame_says_why(data: str, why: str) -> None:
    with pytest.raises(InvalidFrameError, match=why):
        parse_frame(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "length"), [("E5", 1), ("A2", 1), ("10", 5), ("68FFFF68", 261), ("68030368", 9)]
)
def test_the_length_is_known_as_soon_as_the_bytes_tell_it(data: str, length: int) -> None:
    assert expected_length(bytes.fromhex(data)) == length


@pytest.mark.parametrize("data", ["", "68", "68 05", "68 05 05"])
def test_a_length_that_cannot_be_told_yet_is_incomplete_and_not_invalid(data: str) -> None:
    with pytest.raises(IncompleteFrameError):
        expected_length(bytes.fromhex(data))
