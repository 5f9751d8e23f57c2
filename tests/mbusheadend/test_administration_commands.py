"""Export, lists and keys of meters by command, beside a store that others have open."""

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from mbusheadend import cli
from mbusheadend.state import open_store
from mbusheadend.store import Store
from support.headend_messages import SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, KEY, METER, OTHER, encrypted, telegram


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of a store that stays open: two meters, one of them encrypted."""
    folder = tmp_path / "state"
    config = tmp_path / "none.toml"
    config.touch()
    monkeypatch.setenv("MBUSHEADEND_STATE", str(folder))
    monkeypatch.setenv("MBUSHEADEND_CONFIG", str(config))
    store = open_store(folder)
    asyncio.run(fill(store))
    yield folder
    store.close()


async def fill(store: Store) -> None:
    await enrol(store)
    readings = (
        reading(1, ADDRESS, [encrypted(5, 1)]),
        reading(2, str(OTHER), [telegram(OTHER, 7)]),
    )
    await store.take(SERIAL, batch(*readings), START)


def said(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> str:
    assert cli.main(arguments) == 0, capfdbinary.readouterr().err
    return capfdbinary.readouterr().out.decode()


def test_readings_go_to_standard_output_or_into_a_file(
    state: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = list(csv.DictReader(io.StringIO(said(capfdbinary, "export"), newline="")))
    assert [(row["meter"], row["value"]) for row in rows] == [(str(METER), ""), (str(OTHER), "7000")]
    file = tmp_path / "out.csv"
    file.write_text("what was there")
    options = ("--meter", str(OTHER), "--since", "2026-11-01", "--wide", "--mark", "--output", str(file))
    assert said(capfdbinary, "export", *options) == ""
    assert file.read_bytes().startswith(b"\xef\xbb\xbfmeter,")
    assert b",7000\r\n" in file.read_bytes()
    lines = said(capfdbinary, "export", "--form", "json", "--register", "energy").splitlines()
    assert [json.loads(line)["value"] for line in lines] == [None, 7000]
    said(capfdbinary, "export", "--form", "parquet", "--output", str(file))
    assert pyarrow.parquet.read_table(file).num_rows == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none.toml", "out.csv", "state"]
    months = said(
        capfdbinary, "export", "--consumption", "month", "--zone", "Europe/Berlin", "--until", "2026-12-01"
    )
    assert months.count("\r\n") == 1 + 13


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "--meter", "nobody"), b"there is no meter 'nobody'"),
        (("export", "--consumption", "day", "--zone", "Mars/Base"), b"no time zone"),
        (("export", "--consumption", "day", "--wide"), b"--wide is for readings"),
        (("export", "--form", "parquet", "--wide"), b"one row per value"),
        (("export", "--output", "/nowhere/at/all"), b"cannot write /nowhere/at/all"),
        (("meters", "import", "/nowhere.csv", "--master", SERIAL), b"cannot read /nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_said_on_one_line(
    arguments: tuple[str, ...], words: bytes, state: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert cli.main(arguments) == 1
    told = capfdbinary.readouterr().err
    assert words in told
    assert told.count(b"\n") == 1


def test_a_list_of_meters_comes_back_as_it_went(
    state: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "meters.csv"
    said(capfdbinary, "meters", "export", "--output", str(file))
    text = said(capfdbinary, "meters", "export", "--master", SERIAL)
    assert text.encode() == file.read_bytes()
    assert text.count("\r\n") == 3
    file.write_text(f"secondary_address,note\n{ADDRESS},cellar\n999999990101FF04,\n")
    told = said(capfdbinary, "meters", "import", str(file), "--master", SERIAL)
    assert told == "2 meters in the file, 1 of them new\n"
    file.write_text("secondary_address\nnonsense\n")
    assert cli.main(["meters", "import", str(file), "--master", SERIAL]) == 1
    assert b"line 2" in capfdbinary.readouterr().err


def test_keys_are_imported_and_never_printed(
    state: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"secondary_address,key\n{ADDRESS},{KEY.hex()}\n{OTHER},{KEY.hex()}\n{ADDRESS},1234\n")
    assert cli.main(["keys", "import", str(file)]) == 1
    told = capfdbinary.readouterr()
    assert b"2 keys stored; 1 readings say more now" in told.out
    assert b"line 4, key: a key has 32 hex digits" in told.err
    assert KEY.hex().encode() not in told.out + told.err
    assert "5000" in said(capfdbinary, "export", "--meter", ADDRESS)
    assert KEY not in b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())


@pytest.mark.process
def test_who_has_seen_enough_ends_an_export_without_complaint(state: Path) -> None:
    command = f"'{sys.executable}' -m mbusheadend export | head -c 5"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (b"meter", b"")
