import pytest

from mbus.application.telegram import decode_telegram
from mbus.errors import DecodeError, FrameError
from mbus.link.frames import LongFrame
from support.telegrams import LONG_HEADER


def test_the_bytes_of_a_frame_and_the_frame_give_the_same() -> None:
    frame = LongFrame(0x08, 1, 0x72, LONG_HEADER + bytes.fromhex("01 5B 14"))
    assert decode_telegram(frame.to_bytes()) == decode_telegram(frame)


def test_a_telegram_says_what_its_frame_says() -> None:
    telegram = decode_telegram(LongFrame(0x28, 0xFD, 0x72, LONG_HEADER))
    assert (telegram.control, telegram.address, telegram.ci) == (0x28, 0xFD, 0x72)
    assert str(telegram.secondary) == "123456782D2C0804"


@pytest.mark.parametrize("data", [b"", b"\x68", b"\x68\x03\x03\x68\x08\x01\x72\x00\x16", b"hello"])
def test_bytes_that_are_no_frame_are_a_frame_error(data: bytes) -> None:
    with pytest.raises(FrameError):
        decode_telegram(data)


@pytest.mark.parametrize("data", [b"\xe5", bytes.fromhex("105B015C16")])
def test_a_frame_without_application_data_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_telegram(data)


@pytest.mark.parametrize(("ci", "size"), [(0x72, 11), (0x7A, 3), (0x72, 0)])
def test_a_header_that_is_cut_off_is_said_and_the_telegram_kept(ci: int, size: int) -> None:
    telegram = decode_telegram(LongFrame(0x08, 1, ci, bytes(size)))
    assert telegram.header is None
    assert telegram.records == ()
    assert f"here are {size}" in (telegram.error or "")


def test_a_frame_without_data_is_decoded() -> None:
    assert decode_telegram(LongFrame(0x08, 1, 0x78)).error is None
