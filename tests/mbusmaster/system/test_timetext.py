from datetime import UTC, datetime, timedelta, timezone

import pytest

from mbusmaster.system.timetext import utc_text


def test_time_is_written_as_the_guide_writes_it() -> None:
    assert utc_text(datetime(2026, 3, 9, 7, 5, 4, tzinfo=UTC)) == "2026 03/09 07:05:04"


def test_another_time_zone_is_turned_into_utc() -> None:
    moment = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert utc_text(moment) == "2025 12/31 23:30:00"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        utc_text(datetime(2026, 1, 1))
