"""``mbusheadend archive``."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusheadend import cli
from mbusheadend.state import open_store
from support.headend_archive import JULY, all_of, archivist, filled

COMMAND = ("archive", "write", "--month", "2026-07")
KILLER = """
import os, sys
real = os.{call}
def called(path, *arguments, **options):
    if str(path).endswith("{name}"):
        os.kill(os.getpid(), 9)
    return real(path, *arguments, **options)
os.{call} = called
from mbusheadend.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""Ends the command when it does something with a file."""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a state folder whose store stays open."""
    config = tmp_path / "mbusheadend.toml"
    config.write_text(f'[archive]\nplace = "{tmp_path / "archive"}"\n')
    monkeypatch.setenv("MBUSHEADEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MBUSHEADEND_CONFIG", str(config))
    store = open_store(tmp_path / "state")
    asyncio.run(filled(store))
    yield tmp_path / "state"
    store.close()


def test_months_are_written_listed_verified_and_put_back(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["archive", "write", "--month", "2026-07"]) == 0
    count = asyncio.run(counted(state))
    assert capsys.readouterr().out.startswith(f"1 months written with {count} readings")
    assert cli.main(["archive", "list", "--json"]) == 0
    (manifest,) = json.loads(capsys.readouterr().out)
    assert (manifest["year"], manifest["month"], manifest["readings"]) == (2026, 7, count)
    assert cli.main(["archive", "list"]) == 0
    assert capsys.readouterr().out.startswith("2026-07")
    assert cli.main(["archive", "verify"]) == 0
    assert capsys.readouterr().out == "2026-07  sound\n"
    other = ["--state", str(tmp_path / "other")]
    assert cli.main(["archive", "restore", "--month", "2026-07", *other]) == 0
    assert capsys.readouterr().out == f"2026-07  {count} readings put back that were not there\n"


def test_a_damaged_file_ends_verifying_with_an_error(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["archive", "write", "--month", "2026-07"])
    (path,) = (tmp_path / "archive").rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    assert cli.main(["archive", "verify"]) == 1
    told = capsys.readouterr()
    assert "NOT SOUND" in told.out
    assert "part-0001-00000.parquet is not what was written" in told.out
    assert told.err == "mbusheadend: 1 months are not sound\n"


def test_without_an_archive_in_the_settings_it_says_what_to_do(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mbusheadend.toml").write_text("")
    assert cli.main(["archive", "write"]) == 1
    assert "[archive]" in capsys.readouterr().err
    assert cli.main(["archive", "write", "--month", "2026-07", "--place", str(tmp_path / "elsewhere")]) == 0


@pytest.mark.process
def test_an_archive_is_decoded_again_into_another_one_and_done_once(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["archive", "write", "--month", "2026-07"])
    capsys.readouterr()
    assert cli.main(["archive", "redecode", str(tmp_path / "new")]) == 0
    assert cli.main(["archive", "redecode", str(tmp_path / "new")]) == 0
    assert cli.main(["archive", "redecode", str(tmp_path / "archive")]) == 1
    told = capsys.readouterr()
    assert told.out == "1 months decoded again\n0 months decoded again\n"
    assert "another place" in told.err
    assert asyncio.run(is_sound(state, tmp_path / "new"))


@pytest.mark.process
@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("open", ".part-0001-00000.parquet.new"),
        ("replace", ".part-0001-00000.parquet.new"),
        ("open", "._manifest.json.new"),
        ("replace", "._manifest.json.new"),
    ],
)
def test_killed_and_done_again_a_month_is_whole_and_nothing_is_left(
    state: Path, tmp_path: Path, call: str, name: str
) -> None:
    folder = tmp_path / "archive" / "readings" / "tenant=main" / "year=2026" / "month=7"
    killer = KILLER.format(call=call, name=name)
    ended = subprocess.run([sys.executable, "-c", killer, *COMMAND], check=False)
    assert ended.returncode == -9
    assert not (folder / "_manifest.json").exists()
    subprocess.run([sys.executable, "-m", "mbusheadend", *COMMAND], check=True, stdout=subprocess.DEVNULL)
    assert sorted(path.name for path in folder.iterdir()) == ["_manifest.json", "part-0001-00000.parquet"]
    assert asyncio.run(is_sound(state, tmp_path / "archive"))


async def counted(state: Path) -> int:
    store = open_store(state)
    try:
        return len(await all_of(store, JULY))
    finally:
        store.close()


async def is_sound(state: Path, place: Path) -> bool:
    store = open_store(state)
    try:
        checked = await archivist(store, place).check(JULY)
        return checked.is_sound and checked.unnamed == ()
    finally:
        store.close()
