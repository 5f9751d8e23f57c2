"""What is kept of a telegram of known layout is what its records would have given, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.application.plan import Plan
from mbus.application.plans import PLANS
from mbus.application.telegram import decode_plainly, learn_layout
from mbus.link.frames import LongFrame
from mbusheadend.decoding import varint
from mbusheadend.decoding.packer import MAX_FORMS, KnownForm, Packer
from mbusheadend.decoding.registers import Form
from mbusheadend.decoding.telegrams import pack_telegram
from mbusheadend.decoding.values import pack
from support.layouts import changed, recorded_frames, simulated_frames, with_other_values
from support.telegrams import telegram_of


class Forms:
    """Numbers for forms, and the forms that were asked for."""

    def __init__(self) -> None:
        self.seen: list[Form] = []

    def number_of(self, form: Form) -> int:
        self.seen.append(form)
        return 1 + len(form)


def said(frame: LongFrame, key: bytes | None = None) -> tuple[bytes, list[Form]]:
    forms, packed = Forms(), bytearray()
    pack_telegram(frame.to_bytes(), key, forms, packed)
    return bytes(packed), forms.seen


def check(first: LongFrame, second: LongFrame, key: bytes | None = None) -> None:
    PLANS.clear()
    slowly = said(second, key)
    said(first)
    said(first)
    said(first)
    assert said(second, key) == slowly


@given(with_other_values())
def test_telegrams_of_one_layout_are_kept_as_if_they_were_read_record_by_record(
    frames: tuple[LongFrame, LongFrame],
) -> None:
    check(*frames)


@given(changed(), st.none() | st.just(bytes(16)))
def test_any_telegrams_are_kept_as_if_they_were_read_record_by_record(
    frames: tuple[LongFrame, LongFrame], key: bytes | None
) -> None:
    check(*frames, key)


def test_telegrams_of_known_layout_need_no_records() -> None:
    for frame in recorded_frames() + simulated_frames():
        layout = learn_layout(frame)
        if layout is not None:
            assert Packer(Plan(layout)).pack(frame.data) == pack(decode_plainly(frame).records)


def test_many_forms_of_one_layout_are_not_all_kept() -> None:
    frame = telegram_of("0D FD 10 01 41 0D FD 10 01 41 0D FD 10 02 41 42 03 06 01 00 00").frame
    layout = learn_layout(frame)
    assert layout is not None
    packer = Packer(Plan(layout))
    for number in range(2 * MAX_FORMS):
        data = bytearray(frame.data)
        # Status texts do not matter for a form, but whether a text is hex, a letter or a digit does.
        for bit, place in enumerate((16, 21, 26, 27)):
            data[place] = 0x41 if number >> bit & 1 else 0x7A
        changed_frame = LongFrame(8, 1, 0x72, bytes(data))
        assert packer.pack(bytes(data)) == pack(decode_plainly(changed_frame).records)


def test_a_known_form_is_the_form_that_it_knows() -> None:
    form, _ = pack(telegram_of("04 06 01 00 00 00").records)
    known = KnownForm(form)
    assert known == form
    assert hash(known) == hash(form)
    assert {form: 1}[known] == 1


@given(st.integers() | st.integers(-300, 300))
def test_numbers_are_written_alike_at_once_and_in_steps(number: int) -> None:
    packed = bytearray()
    varint.append_signed(number, packed)
    assert varint.signed_bytes(number) == packed


@pytest.mark.parametrize("number", [0, 63, 64, 8191, 8192, -8192, -8193, 1 << 20, 1 << 27, 1 << 28, 1 << 62])
def test_numbers_at_the_edges_are_written_alike(number: int) -> None:
    packed = bytearray()
    varint.append_signed(number, packed)
    assert varint.signed_bytes(number) == packed
