from datetime import UTC, datetime, timedelta
from uuid import UUID

from mbushosting.readings import new_id

MOMENT = datetime(2026, 11, 23, 5, 0, 0, 123000, UTC)


def test_the_id_of_a_reading_is_one_of_a_moment_as_others_make_them() -> None:
    made = UUID(new_id(MOMENT))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(MOMENT.timestamp() * 1000)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(MOMENT) for _ in range(1000)}) == 1000


def test_a_later_reading_comes_behind_an_earlier_one() -> None:
    assert new_id(MOMENT) < new_id(MOMENT + timedelta(milliseconds=1))


def test_a_clock_from_before_1970_makes_an_id_too() -> None:
    assert len(new_id(datetime(1960, 1, 1, tzinfo=UTC))) == 32
