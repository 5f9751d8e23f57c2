"""A plan gives what the plain decoder gives, whatever the values are; what is no telegram of its layout does not fit it."""

import pickle

import pytest
from hypothesis import given

from mbus.application.plan import Plan
from mbus.application.security import encrypt_mode_5
from mbus.application.telegram import Telegram, decode_plainly, decode_telegram, learn_layout
from mbus.link.frames import LongFrame
from support.layouts import changed, recorded_frames, simulated_frames, with_other_values
from support.telegrams import LONG_HEADER, telegram_of

KEY = bytes(range(16))


def assert_alike(one: Telegram, other: Telegram) -> None:
    """Demand equality in value, type and digits, and of what a `repr` leaves out."""
    assert one == other
    # The representation tells 1 from 1.0 and from Decimal(1).
    assert repr(one) == repr(other)
    assert pickle.loads(pickle.dumps(one)) == other


def planned(learned_from: LongFrame, frame: LongFrame, key: bytes | None = None) -> Telegram | None:
    """Decode a frame by the plan of another one; None where it does not fit or may be encrypted."""
    layout = learn_layout(learned_from)
    if layout is None or (frame.ci, len(frame.data)) != (layout.ci, layout.size):
        return None
    plan = Plan(layout)
    if not plan.fits(int.from_bytes(frame.data, "little")):
        return None
    read = plan.read(frame.data, has_key=key is not None)
    return read and Telegram(frame, *read, frame.data[layout.tail :], layout.more_follows)


@given(with_other_values())
def test_telegrams_of_one_layout_are_read_as_the_plain_way_reads_them(
    frames: tuple[LongFrame, LongFrame],
) -> None:
    learned_from, frame = frames
    if learn_layout(learned_from) is None:
        return
    found, plain = planned(learned_from, frame), decode_plainly(frame)
    if found is None:
        assert frame.data[10:12] != b"\x00\x00", "only what may be encrypted is left to the plain way"
    else:
        assert_alike(found, plain)


@given(changed())
def test_whatever_fits_a_plan_is_read_as_the_plain_way_reads_it(frames: tuple[LongFrame, LongFrame]) -> None:
    found = planned(*frames)
    if found is not None:
        assert_alike(found, decode_plainly(frames[1]))


@given(changed())
def test_decoding_again_and_again_gives_the_same_whoever_came_before(
    frames: tuple[LongFrame, LongFrame],
) -> None:
    first, second = frames
    for frame in (first, second, first, second):
        assert_alike(decode_telegram(frame), decode_plainly(frame))
        assert_alike(decode_telegram(frame, key=KEY), decode_plainly(frame, key=KEY))


def test_nearly_all_recorded_and_simulated_telegrams_have_a_layout() -> None:
    frames = [
        frame
        for frame in recorded_frames() + simulated_frames()
        if (telegram := decode_plainly(frame)).error is None and telegram.records and frame.ci != 0x73
    ]
    assert all(planned(frame, frame) is not None for frame in frames)


@pytest.mark.parametrize(
    "records",
    ["", "0F 01 02 03", "04 06 01 00", "3E", "FF 7F", "0D FD 10 CA"],
    ids=["nothing", "manufacturer data only", "cut off", "reserved DIF", "endless", "reserved length"],
)
def test_what_was_not_understood_to_the_end_has_no_layout(records: str) -> None:
    assert learn_layout(telegram_of(records).frame) is None


def test_a_unit_in_letters_has_a_layout_only_where_no_value_decides_how_it_is_read() -> None:
    assert learn_layout(telegram_of("02 FC 02 48 25 74 44 0D").frame) is not None
    # Older place: the unit ends behind 41; newer place: VIFE 74, then a unit of one letter.
    newer = telegram_of("02 FF 74 01 41 44 0D")
    assert learn_layout(newer.frame) is None or newer.error is None


def test_a_unit_in_letters_that_only_some_values_let_stand_at_the_older_place_goes_the_plain_way() -> None:
    # Older place: a unit of 253 letters, which does not fit; newer place: VIFE FD 3A, then a unit without letters.
    data = bytes.fromhex("07 FC FD FD 3A 00 00 00 00 00 00 00 80 80")
    frames = [LongFrame(8, 1, 0x78, data[:6] + bytes((value,)) + data[7:]) for value in range(8)]
    for frame in frames:
        assert_alike(decode_telegram(frame), decode_plainly(frame))
    assert decode_plainly(frames[0]).error is None
    assert learn_layout(frames[0]) is None


def test_an_encrypted_telegram_never_goes_by_the_plan_of_a_plain_one() -> None:
    records = bytes.fromhex("2F2F 0406 01000000 0413 02000000 2F2F")
    plain = LongFrame(8, 1, 0x72, LONG_HEADER + records)
    header = decode_plainly(plain).header
    assert header is not None
    word, cipher = encrypt_mode_5(header, records[2:], KEY)
    closed = LongFrame(8, 1, 0x72, LONG_HEADER[:10] + word.to_bytes(2, "little") + cipher)
    opened_before = LongFrame(8, 1, 0x72, closed.data[:12] + records)
    for frame in (plain, plain, closed, opened_before, opened_before, closed):
        for key in (None, KEY):
            assert_alike(decode_telegram(frame, key=key), decode_plainly(frame, key=key))
    assert decode_telegram(closed, key=KEY).records
    assert decode_telegram(closed).error
