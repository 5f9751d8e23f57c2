"""A batch says of every telegram what `decode_telegram` says, as columns where telegrams have one layout."""

from collections.abc import Sequence
from decimal import Decimal

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbus.application.batch import SMALLEST_GROUP, Batch, Group, decode_batch
from mbus.application.batch_columns import Values
from mbus.application.telegram import decode_plainly, decode_telegram
from mbus.errors import MBusError
from mbus.link.frames import LongFrame, parse_frame
from support.layouts import changed, recorded_frames, simulated_frames, with_other_values
from support.telegrams import telegram_of


def value_in(values: Values, row: int) -> object:
    """Give a value as a record has it, out of the array."""
    one = values.array[row]
    if values.array.dtype.kind == "M":
        return str(one)
    if values.array.dtype.kind == "f":
        return float(one)
    exact = int(one) * Decimal(10) ** values.exponent if values.exponent else int(one)
    return int(exact) if exact == int(exact) else exact


def check(frames: Sequence[bytes]) -> Batch:
    """Compare everything that a batch says with the telegrams, one at a time."""
    batch = decode_batch(frames)
    places = sorted([*batch.leftovers, *(int(one) for group in batch.groups for one in group.indexes)])
    assert places == list(range(len(frames)))
    for group in batch.groups:
        check_group(group, [frames[int(index)] for index in group.indexes])
    return batch


def check_group(group: Group, frames: Sequence[bytes]) -> None:
    parsed = [parse_frame(frame) for frame in frames]
    plain = [decode_plainly(frame) for frame in parsed if isinstance(frame, LongFrame)]
    assert list(group.telegrams()) == plain
    assert group.addresses.tolist() == [telegram.address for telegram in plain]
    headers = [telegram.header for telegram in plain if telegram.header]
    if group.access_numbers is not None and group.statuses is not None:
        assert group.access_numbers.tolist() == [header.access_number for header in headers]
        assert group.statuses.tolist() == [header.status for header in headers]
    if group.secondaries is not None:
        assert group.secondaries == [str(header.secondary) for header in headers]
    for place, values in enumerate(group.values):
        records = [telegram.records[place] for telegram in plain]
        for row, (record, reading) in enumerate(zip(records, group.readings(place), strict=True)):
            assert reading[:2] == (record.value, record.status)
            if values is None:
                continue
            if values.valid[row]:
                assert repr(value_in(values, row)) == repr(record.value)
                assert record.status is None
            else:
                assert values.reading(row)[:2] == (record.value, record.status)
            if values.summer is not None and record.value is not None:
                assert values.summer[row] == ("summer_time" in record.modifiers)


@settings(max_examples=40)
@given(st.lists(with_other_values(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_telegrams_of_any_layouts_say_in_a_batch_what_they_say_alone(
    pairs: list[tuple[LongFrame, LongFrame]], random: object
) -> None:
    frames = [frame.to_bytes() for first, second in pairs for frame in (first, *[second] * SMALLEST_GROUP)]
    check(frames)


@settings(max_examples=40)
@given(changed())
def test_changed_telegrams_say_in_a_batch_what_they_say_alone(pair: tuple[LongFrame, LongFrame]) -> None:
    first, second = (frame.to_bytes() for frame in pair)
    check([first, second, first, second, first, second, first, second])


def test_all_recorded_and_simulated_telegrams_in_one_batch() -> None:
    frames = [frame.to_bytes() for frame in recorded_frames() + simulated_frames() for _ in range(5)]
    assert len(check(frames).groups) > 40


def test_broken_frames_are_left_over_wherever_they_are_broken() -> None:
    good = telegram_of("04 06 01 00 00 00 0C 13 78 56 34 12").frame.to_bytes()
    broken = [bytes((*good[:place], good[place] ^ 0x55, *good[place + 1 :])) for place in range(len(good))]
    batch = check([*broken, *[good] * 10, b"", b"\xe5", good[:-1], good + b"\x16"])
    for index in batch.leftovers:
        frame = ([*broken, *[good] * 10, b"", b"\xe5", good[:-1], good + b"\x16"])[index]
        with pytest.raises(MBusError):
            decode_telegram(frame)
    assert len(batch.groups[0]) == 10


@given(st.binary(min_size=10, max_size=252))
def test_any_byte_counts_in_the_checksum(data: bytes) -> None:
    frame = LongFrame(0xFF, 0xFF, 0x78, data).to_bytes()
    wrong = frame[:-2] + bytes((frame[-2] ^ 1,)) + frame[-1:]
    assert set(range(4)) <= set(check([wrong] * 4 + [frame] * 4).leftovers)


@pytest.mark.parametrize(
    ("records", "values"),
    [
        ("04 06 E7 91 00 00", [37351000]),
        ("03 13 FF FF FF", [Decimal("-0.001")]),
        ("06 13 00 00 00 00 00 80", [None]),
        ("07 13 00 00 00 00 00 00 00 80", [None]),
        ("0E 13 21 43 65 87 09 F1", [Decimal("-10987654.321")]),
        ("0B 13 99 99 99", [Decimal("999.999")]),
        ("0A 13 DD EB", [None]),
        ("01 FD 17 FF", [255]),
        ("04 6D 1E 0C E1 22", ["2023-02-01T12:30:00"]),
        ("02 6C FF FC", [None]),
        ("05 3B 00 00 C0 7F", [None]),
        ("05 5B 00 00 20 41", [10.0]),
        ("04 24 01 00 00 00", [1]),
        ("04 25 02 00 00 00", [120]),
    ],
)
def test_values_of_each_type_are_exact(records: str, values: list[object]) -> None:
    (group,) = check([telegram_of(records).frame.to_bytes()] * 4).groups
    (only,) = group.values
    assert only is not None
    assert [value_in(only, 0) if only.valid[0] else None] == values


def test_a_column_gives_floats_with_holes() -> None:
    frames = [
        telegram_of(f"02 13 {low} {high}").frame.to_bytes() for low, high in (("E8", "03"), ("00", "80"))
    ]
    (group,) = check(frames * 3).groups
    (only,) = group.values
    assert only is not None
    assert only.floats()[0] == 1.0
    assert numpy.isnan(only.floats()[1])


def test_nothing_makes_an_empty_batch() -> None:
    assert decode_batch([]) == Batch((), ())
