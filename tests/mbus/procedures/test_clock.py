from datetime import UTC, datetime, timedelta

import pytest

from mbus.application.encode_record import RecordSpec
from mbus.errors import EncodeError, VerificationError
from mbus.link.station import Stations
from mbus.procedures.clock import clock_of, set_clock, set_clock_frames
from mbus.procedures.read import read_primary
from support.answers import ACK, NKE_5, REQ_5_FCB1, STRANGER, answer
from support.script import Script, play

WHEN = datetime(2026, 7, 28, 13, 45)
OLD = datetime(2020, 1, 1, 0, 0)
WRITE = "68 09 09 68 73 05 51 04 6D 2D 0D 5C 37 07 16"
WRITE_WITH_SECONDS = "68 0B 0B 68 73 05 51 06 6D 32 2D 0D 5C 37 00 3B 16"
WRITE_WITH_CENTURY = "68 09 09 68 73 05 51 04 6D 2D 2D 5C 37 27 16"


def says(when: datetime, storage: int = 0, function: str = "instantaneous") -> RecordSpec:
    return RecordSpec(b"\x6d", when, storage=storage, function=function)


def read(*records: RecordSpec) -> Script:
    return [(NKE_5, ACK), (REQ_5_FCB1, answer(*records))]


def write(frame: str = WRITE) -> Script:
    return [(NKE_5, ACK), (frame, ACK)]


def test_a_clock_is_proven_by_the_time_in_a_fresh_reading() -> None:
    now = WHEN + timedelta(minutes=1)
    done = play(set_clock(5, WHEN, Stations()), [*read(says(OLD)), *write(), *read(says(now))])
    assert (done.before, done.after) == (OLD, now)


def test_the_century_is_said_when_the_time_did_not_change_without_it() -> None:
    script: Script = [
        *read(says(OLD)),
        *write(),
        *read(says(OLD)),
        *write(WRITE_WITH_CENTURY),
        *read(says(WHEN)),
    ]
    assert play(set_clock(5, WHEN, Stations()), script).after == WHEN


def test_a_clock_that_stays_as_it_was_is_an_error() -> None:
    script: Script = [
        *read(says(OLD)),
        *write(),
        *read(says(OLD)),
        *write(WRITE_WITH_CENTURY),
        *read(says(OLD)),
    ]
    with pytest.raises(VerificationError, match="2020-01-01"):
        play(set_clock(5, WHEN, Stations()), script)


def test_a_meter_that_sends_seconds_is_told_the_time_with_seconds() -> None:
    old, when = RecordSpec(b"\x6d", OLD, data_field=6), WHEN + timedelta(seconds=50)
    new = RecordSpec(b"\x6d", when, data_field=6)
    script: Script = [*read(old), *write(WRITE_WITH_SECONDS), *read(new)]
    assert play(set_clock(5, when, Stations()), script).after == when


def test_the_time_of_another_meter_proves_nothing() -> None:
    stranger: Script = [(NKE_5, ACK), (REQ_5_FCB1, answer(says(WHEN), who=STRANGER))]
    with pytest.raises(VerificationError, match="87654321"):
        play(set_clock(5, WHEN, Stations()), [*read(says(OLD)), *write(), *stranger])


def test_a_meter_that_sends_no_time_proves_nothing() -> None:
    done = play(set_clock(5, WHEN, Stations()), [*read(), *write(), *read()])
    assert (done.before, done.after) == (None, None)


@pytest.mark.parametrize("seconds", [-30, 0, 29])
def test_the_nearest_minute_is_set(seconds: int) -> None:
    frames = set_clock_frames(5, WHEN + timedelta(seconds=seconds))
    assert frames[-1].to_bytes() == bytes.fromhex(WRITE)


def test_a_time_zone_is_the_meters_own_affair() -> None:
    when = WHEN.replace(tzinfo=UTC)
    play(set_clock(5, when, Stations()), [*read(says(OLD)), *write(), *read(says(WHEN))])


def test_stored_and_extreme_times_are_not_the_clock() -> None:
    records = (says(OLD, storage=1), says(OLD, function="maximum"), says(WHEN))
    assert clock_of(play(read_primary(5, Stations()), read(*records))) == WHEN


def test_a_year_that_cannot_be_said_sends_nothing() -> None:
    with pytest.raises(EncodeError):
        play(set_clock(5, datetime(1970, 1, 1), Stations()), [])
