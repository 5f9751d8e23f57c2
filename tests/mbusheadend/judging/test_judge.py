"""What one reading after the other tells of a meter."""

import itertools
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from mbus.application.status import status_words
from mbus.link.frames import LongFrame
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.decoding.registers import Register
from mbusheadend.judging.judge import Judged, judge
from mbusheadend.judging.meter_state import MeterState
from mbusheadend.judging.standstill import step_of
from mbusheadend.judging.words import STATUS
from mbusheadend.store import StoredReading
from mbushosting.readings import Outcome
from support.headend_messages import START
from support.headend_readings import FLAGS, HOUR, POWER, judged_reading

HEAT: Final = "123456782D2C1904"
ELECTRICITY: Final = "123456782D2C1902"
WATER: Final = "123456782D2C1907"


def judged(readings: Iterable[StoredReading], identity: str = HEAT) -> Judged:
    """Judge readings; what is remembered goes through the store's text each time."""
    state, found = MeterState(), Judged()
    for reading in readings:
        judge(reading, identity, state, found)
        again = MeterState.from_text(state.to_text())
        assert again == state
        state = again
    return found


def kinds(found: Judged) -> list[tuple[AlarmKind, str]]:
    return [(raised.key.kind, raised.key.detail) for raised in found.raised]


def test_a_meter_that_does_its_work_gives_no_alarm() -> None:
    readings = [
        judged_reading(hour, 1000 * hour, own=START + hour * HOUR + timedelta(hours=1), access=hour % 256)
        for hour in range(400)
    ]
    found = judged(readings)
    assert (found.raised, found.cleared) == ([], [])


def test_a_counter_that_was_reset_is_told_and_one_that_rolled_over_is_not() -> None:
    found = judged([judged_reading(0, 5_000_000), judged_reading(1, 3000), judged_reading(2, 4000)])
    assert kinds(found) == [(AlarmKind.COUNTER_FELL, "energy [Wh]")]
    assert "energy [Wh] fell from 5000000 to 3000:" in str(found.raised[0].text)
    assert found.raised[0].since == START + HOUR
    over = judged([judged_reading(0, Decimal("99999.990")), judged_reading(1, Decimal("0.015"))])
    assert over.raised == []


def test_a_step_backwards_is_no_reset() -> None:
    assert judged([judged_reading(0, 10_000), judged_reading(1, 9_990)]).raised == []


def test_registers_of_tariffs_and_stored_values_are_kept_apart() -> None:
    tariff = Register("instantaneous", 0, 1, 0, "energy", "Wh", ())
    stored = Register("instantaneous", 1, 0, 0, "energy", "Wh", ())
    found = judged(
        [
            judged_reading(0, 100_000, others={tariff: 500, stored: 90_000}),
            judged_reading(1, 101_000, others={tariff: 400, stored: 0}),
        ]
    )
    assert kinds(found) == [(AlarmKind.COUNTER_FELL, "energy tariff 1 [Wh]")]


def test_a_meter_whose_clock_stands_still_too_is_broken_for_sure() -> None:
    stuck = [judged_reading(hour, 7000, own=START) for hour in range(0, 30, 6)]
    found = judged(stuck)
    frozen = [raised for raised in found.raised if raised.key.kind is AlarmKind.METER_FROZEN]
    assert [raised.weight for raised in frozen] == [Severity.WARNING]
    assert "24 hours" in str(frozen[0].text)
    going = judged([*stuck, judged_reading(30, 8000, own=START + 30 * HOUR)])
    assert [key.kind for key in going.cleared if key.kind is AlarmKind.METER_FROZEN] == [
        AlarmKind.METER_FROZEN
    ]


def test_a_meter_that_says_that_heat_flows_must_count_it() -> None:
    def reading(hour: int, power: int) -> StoredReading:
        return judged_reading(hour, 7_123_000, others={POWER: power})

    assert AlarmKind.METER_FROZEN in dict(kinds(judged(reading(hour, 5000) for hour in range(30))))
    assert judged(reading(hour, 0 if hour % 10 == 5 else 5000) for hour in range(30)).raised == []
    assert judged(reading(hour, 10) for hour in range(30)).raised == []


def test_how_long_nothing_may_be_used_depends_on_what_is_measured() -> None:
    def idle(days: int, identity: str) -> list[tuple[AlarmKind, str]]:
        return kinds(judged((judged_reading(6 * number, 42_000) for number in range(4 * days + 1)), identity))

    assert idle(2, ELECTRICITY) == []
    assert idle(3, ELECTRICITY) == [(AlarmKind.METER_FROZEN, "")]
    assert idle(29, WATER) == []
    assert idle(30, WATER) == [(AlarmKind.METER_FROZEN, "")]
    assert idle(200, HEAT) == []
    assert kinds(judged((judged_reading(6 * number, 0) for number in range(400)), ELECTRICITY)) == []


def test_the_smallest_step_of_a_counter_is_never_taken_too_small() -> None:
    assert [step_of(Decimal(text)) for text in ("7123000", "0.015", "0", "10")] == [
        Decimal(1000), Decimal("0.001"), Decimal(1), Decimal(10),
    ]  # fmt: skip


def test_a_clock_is_judged_by_its_error_and_its_drift() -> None:
    def clocks(ahead: timedelta, drift: timedelta = timedelta()) -> Judged:
        days = itertools.count()
        return judged(
            judged_reading(24 * day, day * 1000, own=START + (24 * day + 1) * HOUR + ahead + day * drift)
            for day in itertools.islice(days, 10)
        )

    assert clocks(timedelta(seconds=100)).raised == []
    assert str(clocks(timedelta(seconds=245)).raised[0].text) == "The meter's clock is 245 seconds off."
    assert "wrong by" in str(clocks(timedelta(days=-400)).raised[0].text)
    drifting = clocks(timedelta(seconds=-300), timedelta(seconds=70))
    assert drifting.raised[-1].key.kind is AlarmKind.METER_CLOCK
    assert clocks(timedelta(minutes=-4), timedelta(seconds=30)).cleared != []


def test_a_master_whose_clock_is_doubtful_accuses_no_meter() -> None:
    readings = (
        judged_reading(24 * day, day * 1000, own=START, clock="doubtful", others={POWER: 0})
        for day in range(9)
    )
    assert AlarmKind.METER_CLOCK not in dict(kinds(judged(readings)))


def test_somebody_else_who_reads_is_noticed_and_a_lost_answer_is_not_somebody() -> None:
    regular = [judged_reading(hour, hour, access=hour) for hour in range(8)]
    found = judged([*regular, judged_reading(8, 8, access=11), judged_reading(9, 9, access=12)])
    assert kinds(found) == [(AlarmKind.FOREIGN_READS, "")]
    assert "3 times" in str(found.raised[0].text)
    lost = judged_reading(8, outcome=Outcome.GARBLED)
    assert judged([*regular, lost, judged_reading(9, 9, access=11)]).raised == []


def test_the_status_is_said_in_words_and_is_over_after_two_readings_without_it() -> None:
    low = judged([judged_reading(0, 1, status=0x04), judged_reading(1, 2, status=0)])
    assert kinds(low) == [(AlarmKind.METER_STATUS, "power_low")]
    assert "battery" in str(low.raised[0].text)
    assert low.cleared == []
    over = judged(judged_reading(hour, hour, status=0x04 if hour == 0 else 0) for hour in range(3))
    assert [key.detail for key in over.cleared] == ["power_low"]


def test_a_temporary_error_counts_when_it_lasts() -> None:
    assert judged([judged_reading(0, 1, status=0x10), judged_reading(1, 2, status=0)]).raised == []
    lasting = judged(judged_reading(hour, hour, status=0x10) for hour in range(3))
    assert [raised.weight for raised in lasting.raised] == [Severity.NOTICE]


def test_the_old_fixed_structure_has_other_bits() -> None:
    frame = LongFrame(0x08, 5, 0x73, bytes(16)).to_bytes()
    for telegrams in ((frame,), ()):
        reading = judged_reading(0, 1, status=0x03, telegrams=telegrams)
        assert len(judged([reading]).raised) == (0 if telegrams else 1)


def test_every_word_of_the_status_has_a_sentence() -> None:
    assert {word for status in range(256) for word in status_words(status)} == STATUS.keys()


def test_error_flags_are_an_info_code() -> None:
    found = judged(judged_reading(hour, hour, others={FLAGS: 0x11 if hour < 2 else 0}) for hour in range(5))
    assert kinds(found) == [(AlarmKind.METER_INFO_CODE, "error_flags")] * 2
    assert "flags 11 (bits 0, 4)" in str(found.raised[0].text)
    assert [key.kind for key in found.cleared] == [AlarmKind.METER_INFO_CODE]


def test_a_reading_that_comes_late_judges_nothing() -> None:
    found = judged(
        [judged_reading(5, 9000), judged_reading(1, 90_000_000, status=4), judged_reading(6, 9500)]
    )
    assert found.raised == []
