import pytest

from mbus.application.refusal import Refusal, refusal_of
from mbus.application.telegram import decode_telegram
from mbus.link.frames import LongFrame
from support.telegrams import LONG_HEADER


@pytest.mark.parametrize(
    ("ci", "data", "code"),
    [
        (0x70, b"", 0),
        (0x70, b"\x08", 8),
        (0x6E, LONG_HEADER[8:] + b"\x05", 5),
        (0x6F, LONG_HEADER + b"\x09", 9),
        (0x6F, LONG_HEADER, 0),
    ],
)
def test_an_application_error_is_found_behind_any_header(ci: int, data: bytes, code: int) -> None:
    frame = LongFrame(0x08, 1, ci, data)
    assert refusal_of(frame) == Refusal(code)
    assert decode_telegram(frame).error == f"the meter refuses: {Refusal(code)}"


def test_other_responses_refuse_nothing() -> None:
    assert refusal_of(LongFrame(0x08, 1, 0x72, LONG_HEADER)) is None


def test_a_code_without_a_meaning_is_shown_as_a_number() -> None:
    assert str(Refusal(0x55)) == "reserved (code 85)"
