"""Files that no power cut leaves half written."""

import os
from pathlib import Path

import pytest

from mbusio.files import EVERYBODY_READS, remove_for_good, temporary_path, write_atomically


def test_a_file_is_replaced_as_a_whole_and_a_link_in_its_way_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    temporary_path(tmp_path / "file").symlink_to(victim)
    write_atomically(tmp_path / "file", b"new")
    assert (victim.read_text(), (tmp_path / "file").read_text()) == ("mine", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "victim"]


@pytest.mark.parametrize("before", [None, 0o644])
def test_only_its_owner_reads_a_file_unless_said_otherwise(tmp_path: Path, before: int | None) -> None:
    file = tmp_path / "file"
    if before is not None:
        file.write_text("old")
        file.chmod(before)
    write_atomically(file, b"new")
    assert file.stat().st_mode & 0o777 == 0o600
    write_atomically(file, b"for all", EVERYBODY_READS)
    assert file.stat().st_mode & 0o777 == 0o644


def test_where_the_disk_refuses_the_old_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_file_is_removed_whether_it_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for path in (tmp_path / "file", tmp_path / "file", tmp_path / "folder" / "file"):
        remove_for_good(path)
    assert list(tmp_path.iterdir()) == []
