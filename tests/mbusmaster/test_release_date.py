from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbusmaster.release_date import EARLIEST, release_date


def test_the_newest_of_slot_and_package_counts(tmp_path: Path) -> None:
    slot, package = tmp_path / "slot", tmp_path / "package"
    package.write_text('{"release": 7, "date": "2026-10-01T00:00:00Z"}')
    assert release_date((slot, package)) == datetime(2026, 10, 1, tzinfo=UTC)
    slot.write_text('{"release": 8, "date": "2026-11-22T10:08:07+01:00"}')
    assert release_date((slot, package)) == datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"date": 5}',
        b'{"date": "soon"}',
        b'{"date": "1999-01-01T00:00:00Z"}',
        b'{"date": "2100-01-01T00:00:00Z"}',
        b"[" * 4096,
    ],
)
def test_what_makes_no_sense_is_as_if_nobody_said_anything(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "release.json"
    file.write_bytes(content)
    assert release_date((file, tmp_path / "none")) == EARLIEST
    assert release_date(()) == EARLIEST
