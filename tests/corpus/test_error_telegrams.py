"""Malformed, refusing and unsupported responses: each gives exactly the result or the error that is written here."""

from typing import Final

import pytest

from mbus.application.telegram import decode_telegram
from mbus.errors import InvalidFrameError
from support.needs import SHARED, shared_telegrams
from support.telegrams import read_hex

NO_FRAME: Final = {
    "invalid_length": "length field 00 is below 3",
    "manual_frame1": "no frame begins with 0D",
}
RECORDS_AND_ERROR: Final = {
    "application_busy": (0, "the meter refuses: application too busy (code 8)"),
    "buffer_too_long": (0, "the meter refuses: buffer too long, truncated (code 2)"),
    "error": (0, "the meter refuses: unspecified error (code 0)"),
    "invalid_length2": (0, "CI 73 (compact frame) is not decoded, the data are kept raw"),
    "manual_frame4": (1, None),
    "manual_frame5": (1, None),
    "manual_frame6": (2, None),
    "premature_end_of_data1": (2, "record 2 at byte 10 of the user data: 3 data bytes announced, 0 are left"),
    "premature_end_of_data2": (2, "record 2 at byte 10 of the user data: 3 data bytes announced, 2 are left"),
    "premature_end_of_dif1": (
        2,
        "record 2 at byte 10 of the user data: the data end inside the DIF and its extensions",
    ),
    "premature_end_of_dif2": (
        2,
        "record 2 at byte 10 of the user data: the data end inside the DIF and its extensions",
    ),
    "premature_end_of_record": (0, "the meter refuses: premature end of record (code 4)"),
    "premature_end_of_var_vif1": (
        3,
        "record 3 at byte 22 of the user data: a plain-text unit of 19 bytes does not fit",
    ),
    "premature_end_of_vif1": (2, "record 2 at byte 10 of the user data: the data end before the VIF"),
    # It ends well: DIF 1F, and all the rest belongs to the maker.
    "svm_f22_telegram2": (0, None),
    "too_long_var_vif": (
        3,
        "record 3 at byte 22 of the user data: a plain-text unit of 243 bytes does not fit",
    ),
    "too_many_dife": (2, "record 2 at byte 10 of the user data: more than 10 extensions of the DIF"),
    "too_many_difes": (0, "the meter refuses: more than 10 DIFE (code 5)"),
    "too_many_readouts": (0, "the meter refuses: too many readouts (code 9)"),
    "too_many_records": (0, "the meter refuses: too many records (code 3)"),
    "too_many_vife": (2, "record 2 at byte 10 of the user data: more than 10 extensions of the VIF"),
    "too_many_vifes": (0, "the meter refuses: more than 10 VIFE (code 6)"),
    "too_short_header": (0, "a long header has 12 bytes, here are 5"),
    "unimplemented_ci": (0, "the meter refuses: CI field not implemented (code 1)"),
    "unspecified_error": (0, "the meter refuses: unspecified error (code 0)"),
}


def read(name: str) -> bytes:
    return read_hex(shared_telegrams() / "error" / f"{name}.hex")


def test_every_file_is_listed() -> None:
    shared_telegrams()
    names = {path.stem for path in (SHARED / "telegrams" / "error").glob("*.hex")}
    assert names == set(NO_FRAME) | set(RECORDS_AND_ERROR)


@pytest.mark.parametrize("name", RECORDS_AND_ERROR)
def test_it_gives_what_came_before_and_says_where_and_why_it_ended(name: str) -> None:
    telegram = decode_telegram(read(name))
    assert (len(telegram.records), telegram.error) == RECORDS_AND_ERROR[name]


@pytest.mark.parametrize("name", NO_FRAME)
def test_it_is_no_frame_and_an_error_of_the_tree_says_so(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=NO_FRAME[name]):
        decode_telegram(read(name))
