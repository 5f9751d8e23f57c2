"""Values come back as they were: each in its type, with its digits, its status and its labels."""

import contextlib
import hashlib
import string
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.application.datatypes import Value
from mbus.application.records import Record
from mbus.application.telegram import decode_telegram
from mbus.errors import MBusError
from mbusheadend.decoding import varint
from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.registers import Form, Layout, layout_of, layout_of_form, layout_text
from mbusheadend.decoding.telegrams import (
    DECODER,
    INLINE,
    decode,
    pack_decoded,
    pack_telegram,
    unpack_telegrams,
)
from mbusheadend.decoding.values import measured_of, pack, unpack
from support.needs import SHARED, shared_telegrams
from support.telegrams import read_hex

GOOD: Final = sorted((SHARED / "telegrams" / "good").glob("*.hex"))
KNOWN_VALUES: Final = {1: "984746fab69a8de2"}
"""By version of the decoder: a digest of all values of the recorded telegrams."""


class Numbered:
    """Numbers for layouts, kept as text like in a store."""

    def __init__(self, bound: int = 1000) -> None:
        self.texts: list[str] = []
        self._bound = bound

    def number_of(self, form: Form) -> int:
        text = layout_text(layout_of_form(form))
        if text not in self.texts:
            if len(self.texts) >= self._bound:
                return INLINE
            self.texts.append(text)
        return self.texts.index(text) + 1

    def layout(self, number: int) -> Layout:
        return layout_of(self.texts[number - 1])


def back(records: list[Record]) -> list[str]:
    form, packed = pack(records)
    layout = layout_of(layout_text(layout_of_form(form)))
    # The representation tells 12.3 from 12.30, 1 from 1.0 and an int from a decimal.
    return [repr(one) for one in unpack(layout, packed)]


def record(value: Value, dib: bytes = b"\x04", vib: bytes = b"\x13", status: str | None = None) -> Record:
    return Record(0, "instantaneous", 0, 0, 0, "volume", "m³", value, status, (), dib, vib, b"")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_values_of_recorded_telegrams_come_back_as_they_were(path: Path) -> None:
    records = decode_telegram(read_hex(path)).records
    measured = measured_of(records)
    assert back(list(records)) == [repr(one) for one in measured]
    for one, original in zip(measured, records, strict=True):
        assert (one.value, one.status) == (original.value, original.status)
        assert one.register.modifiers + one.labels == original.modifiers
        assert one.register[:6] == original[1:7]


VALUES: Final = st.one_of(
    st.none(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text("0123456789ABCDEFabcdef"),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds")),
    st.datetimes().map(str),
    st.text(string.digits + "-T:", min_size=10, max_size=19),
)
BLOCKS: Final = st.sampled_from(
    [(b"\x04", b"\x13"), (b"\x0c", b"\x06"), (b"\x05", b"\x3b"), (b"", b"\x05"), (b"\x02", b"\x6c")]
)


@given(st.lists(st.tuples(VALUES, BLOCKS, st.none() | st.text()), max_size=20))
def test_any_values_come_back_as_they_were(
    values: list[tuple[Value, tuple[bytes, bytes], str | None]],
) -> None:
    records = [record(value, *blocks, status) for value, blocks, status in values]
    assert back(records) == [repr(one) for one in measured_of(records)]
    assert [one.value for one in measured_of(records)] == [value for value, _, _ in values]


def test_registers_that_are_alike_are_counted() -> None:
    assert [one.register.occurrence for one in measured_of([record(1), record(2), record(3)])] == [0, 1, 2]


def test_a_number_takes_no_more_bytes_than_its_digits_need() -> None:
    assert len(pack([record(Decimal("0.063"))])[1]) == 1
    assert len(pack([record(Decimal("8.191"))])[1]) == 2
    assert len(pack([record(8)])[1]) == 2


@given(st.integers())
def test_any_number_comes_back(number: int) -> None:
    packed = bytearray()
    varint.append_signed(number, packed)
    source = varint.Source(bytes(packed))
    assert source.signed() == number
    assert source.is_empty


@given(st.binary(max_size=261))
def test_whatever_was_received_is_kept_with_why_it_is_no_telegram(frame: bytes) -> None:
    layouts, packed = Numbered(), bytearray()
    pack_telegram(frame, None, layouts, packed)
    (decoded,) = unpack_telegrams(bytes(packed), layouts)
    try:
        telegram = decode_telegram(frame)
        expected = (telegram.error or "", measured_of(telegram.records))
    except MBusError as unreadable:
        expected = (str(unreadable), ())
    assert (decoded.error, decoded.values) == expected


@given(st.binary(max_size=80))
def test_bytes_that_were_not_packed_here_are_refused_or_mean_something(packed: bytes) -> None:
    layouts = Numbered()
    layouts.number_of(pack([record(Decimal("0.063")), record("text", status="why")])[0])
    with contextlib.suppress(PackedError, IndexError):
        unpack_telegrams(packed, layouts)


def test_a_layout_without_a_number_comes_along() -> None:
    frame = read_hex(shared_telegrams() / "good" / "kamstrup_multical_601.hex")
    layouts, packed = Numbered(bound=0), bytearray()
    assert pack_telegram(frame, None, layouts, packed)
    (decoded,) = unpack_telegrams(bytes(packed), layouts)
    assert decoded.values == measured_of(decode_telegram(frame).records)
    assert layouts.texts == []


def test_header_and_error_of_a_telegram_are_kept() -> None:
    frame = read_hex(shared_telegrams() / "good" / "kamstrup_multical_601.hex")
    header = decode_telegram(frame).header
    assert header is not None
    layouts, packed = Numbered(), bytearray()
    pack_telegram(frame, None, layouts, packed)
    pack_telegram(frame[:-1], None, layouts, packed)
    good, bad = unpack_telegrams(bytes(packed), layouts)
    assert (good.access_number, good.status, good.error) == (header.access_number, header.status, "")
    assert bad.access_number is None
    assert bad.error


def test_the_version_of_the_decoder_rises_when_values_change() -> None:
    told = [repr(measured_of(decode_telegram(read_hex(path)).records)) for path in GOOD]
    assert told, shared_telegrams()
    digest = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    assert KNOWN_VALUES.get(DECODER) == digest, (
        "recorded telegrams give other values: count DECODER up and note the digest here"
    )


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_what_a_telegram_said_is_packed_again_without_the_telegram(path: Path) -> None:
    shared_telegrams()
    numbered = Numbered()
    packed = bytearray()
    pack_telegram(read_hex(path), None, numbered, packed)
    (said,) = unpack_telegrams(bytes(packed), numbered)
    assert decode(read_hex(path), None) == said
    again = bytearray()
    pack_decoded(said, numbered, again)
    assert unpack_telegrams(bytes(again), numbered) == [said]
