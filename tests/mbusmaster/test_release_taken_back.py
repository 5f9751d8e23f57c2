"""A release that is taken back finds settings and lists as it left them, whatever the newer one made of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import tomli_w

from mbusmaster.settings import Settings, Store
from mbusmaster.settings.schema import VERSION
from mbusmaster.sqlitefile import DamagedError, Tables, copy_of, open_file

OLD = Tables("list", 1, "CREATE TABLE meters (name TEXT);")
NEW = Tables(
    "list",
    2,
    "CREATE TABLE meters (name TEXT, doubt TEXT);",
    {1: "ALTER TABLE meters ADD COLUMN doubt TEXT;"},
)


def names(path: Path, tables: Tables) -> list[str]:
    with closing(open_file(path, tables)) as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM meters ORDER BY rowid")]


def add(path: Path, tables: Tables, name: str) -> None:
    with closing(open_file(path, tables)) as connection:
        connection.execute("INSERT INTO meters (name) VALUES (?)", (name,))


def test_a_list_that_was_brought_up_to_date_is_found_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "meters.db"
    add(path, OLD, "cellar")
    add(path, NEW, "attic")
    assert names(path, NEW) == ["cellar", "attic"]
    assert names(path, OLD) == ["cellar"]
    with closing(sqlite3.connect(copy_of(path, 2))) as newer:
        assert [row[0] for row in newer.execute("SELECT name FROM meters")] == ["cellar", "attic"]


def test_what_the_older_release_added_since_is_there_after_the_next_update(tmp_path: Path) -> None:
    path = tmp_path / "meters.db"
    add(path, OLD, "cellar")
    add(path, NEW, "attic")
    add(path, OLD, "roof")
    assert names(path, NEW) == ["cellar", "roof"]


def test_a_newer_list_without_a_copy_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "meters.db"
    add(path, NEW, "attic")
    with pytest.raises(DamagedError, match="version 2"):
        names(path, OLD)
    assert names(path, NEW) == ["attic"]


def written(settings: Settings, version: int) -> bytes:
    tables = settings.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps({**tables, "version": version}).encode()


def named(name: str) -> Settings:
    return Settings.model_validate({"device": {"name": name}})


def test_settings_of_a_newer_layout_give_way_to_those_of_before(tmp_path: Path) -> None:
    store = Store(tmp_path / "mbusmaster.toml")
    store.copy_of(VERSION).write_bytes(written(named("as it was"), VERSION))
    store.path.write_bytes(written(named("newer"), VERSION + 1))
    loaded = store.load()
    assert loaded.settings.device.name == "as it was"
    assert loaded.source == store.copy_of(VERSION)
    assert f"layout {VERSION + 1}" in loaded.problem


def test_the_newer_settings_are_kept_when_the_older_release_writes_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "mbusmaster.toml")
    store.path.write_bytes(written(named("newer"), VERSION + 1))
    store.save(named("older again"))
    assert store.load().settings.device.name == "older again"
    assert b"newer" in store.copy_of(VERSION + 1).read_bytes()
    assert not store.damaged_path.exists()


def test_settings_of_an_older_layout_are_kept_before_they_are_written_in_the_new_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "mbusmaster.toml")
    before = b'version = 3\n[[buses]]\nurl = "/dev/ttyUSB0"\n'
    store.path.write_bytes(before)
    store.save(store.load().settings)
    assert store.copy_of(3).read_bytes() == before


def test_nothing_of_other_layouts_is_left_when_all_is_begun_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "mbusmaster.toml")
    store.path.write_bytes(b'version = 3\n[[buses]]\nurl = "/dev/ttyUSB0"\n')
    store.save(store.load().settings)
    store.begin_anew(Settings())
    assert [path.name for path in tmp_path.iterdir()] == ["mbusmaster.toml"]
