"""What the settings of an archive may be, and what stays outside its folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import folder_of, load_manifest, months_in
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Folder
from mbusheadend.archive.settings import ArchiveSettings


@pytest.mark.parametrize("place", ["", "/srv/archive", "s3://bucket", "s3://bucket/meters/all"])
def test_a_place_is_a_whole_path_or_a_bucket(place: str) -> None:
    assert ArchiveSettings(place=place).place == place


@pytest.mark.parametrize(
    "place", ["archive", "./archive", "s3://", "s3://bucket//x", "s3://bucket/../x", "http://x"]
)
def test_another_place_is_refused(place: str) -> None:
    with pytest.raises(ValidationError, match="place: a"):
        ArchiveSettings(place=place)


@pytest.mark.parametrize("endpoint", ["s3.example.org", "ftp://x", "https://x/path", "https://"])
def test_an_endpoint_is_a_url_without_a_path(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="this is no URL"):
        ArchiveSettings(place="s3://bucket", endpoint=endpoint)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    place = Folder(tmp_path / "archive")
    with pytest.raises(ArchiveError, match="is no name in an archive"):
        place.read(name, 10)
    with pytest.raises(ArchiveError, match="is no name in an archive"):
        place.put(name, b"")
    with pytest.raises(ArchiveError, match="is no name in an archive"):
        place.remove(name)


def test_a_small_file_that_is_big_is_not_read(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.put("a", b"12345")
    assert place.read("a", 5) == b"12345"
    with pytest.raises(ArchiveError, match="more than 4 bytes"):
        place.read("a", 4)
    assert place.read("b", 4) is None


def test_folders_of_others_are_no_months(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    for name in ("year=x/month=7", "year=2026/month=13", "year=2026/month=7/deeper"):
        place.put(f"{folder_of('main')}/{name}/_manifest.json", b"{}")
    assert months_in(place, "main") == ()
    place.put(f"{folder_of('main', Month(2026, 7))}/_manifest.json", b"{")
    with pytest.raises(ArchiveError, match="is damaged"):
        load_manifest(place, "main", Month(2026, 7))


def test_months_follow_each_other_over_the_year() -> None:
    assert Month.from_text("2026-12").shifted(1) == Month(2027, 1)
    assert Month(2026, 1).shifted(-13) == Month(2024, 12)
    assert Month.of(datetime(2026, 7, 31, 23, 59, tzinfo=UTC)).end == datetime(2026, 8, 1, tzinfo=UTC)
    for text in ("2026-13", "2026-7", "26-07", "0000-01", "2026-07-01"):
        with pytest.raises(ValueError, match="a month is like"):
            Month.from_text(text)
