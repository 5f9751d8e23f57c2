from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbusmaster.release_date import EARLIEST, release_date


def test_the_build_says_when_a_release_was_made(tmp_path: Path) -> None:
    file = tmp_path / "release-date"
    file.write_text("2026-11-22T10:08:07+01:00\n")
    assert release_date(file) == datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"soon", b"1999-01-01T00:00:00Z", b"2100-01-01T00:00:00Z", b"9" * 99]
)
def test_what_makes_no_sense_is_as_if_nobody_said_anything(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "release-date"
    file.write_bytes(content)
    assert release_date(file) == EARLIEST
    assert release_date(tmp_path / "none") == EARLIEST
