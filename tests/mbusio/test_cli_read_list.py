"""``mbus read URL LIST.csv``: all meters of a list, against scripted meters behind TCP."""

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbusio.cli import main
from support.scripted_bus import ScriptedBus, ScriptedMeter, scripted_bus

HEAT = SecondaryAddress.from_text("852467982D2C3504")
WATER = SecondaryAddress.from_text("11490378.ACW.0E.16")
LIST = f"secondary_address,primary_address,baud_rate,note\n{HEAT},,2400,cellar\n,7,,=roof\n"
SILENT = "00000001FFFFFFFF"


@pytest.fixture
def bus() -> Iterator[ScriptedBus]:
    telegrams = [bytes.fromhex("04 06 01 00 00 00 1F"), bytes.fromhex("04 13 02 00 00 00")]
    with scripted_bus(ScriptedMeter(5, HEAT), ScriptedMeter(7, WATER, telegrams)) as bus:
        yield bus


def listed(folder: Path, text: str = LIST) -> str:
    path = folder / "meters.csv"
    path.write_text(text)
    return str(path)


def run(bus: ScriptedBus, *arguments: str, code: int = 0) -> None:
    # A short fixed allowance: scripted meters answer at once.
    url = f"tcp://127.0.0.1:{bus.port}?allowance=0.05&gap=0.05"
    assert main(["read", url, "--baud", "38400", *arguments]) == code


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_all_meters_of_a_list_are_read_into_one_csv(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, listed(tmp_path), "--csv")
    captured = capsys.readouterr()
    table = rows(captured.out)
    assert [row["address"] for row in table] == [str(HEAT), "7", "7"]
    assert [row["telegram"] for row in table] == ["1", "1", "2"]
    assert {row["outcome"] for row in table} == {"ok"}
    assert [row["note"] for row in table] == ["cellar", "'=roof", "'=roof"]
    assert {row["secondary_address"] for row in table[1:]} == {str(WATER)}
    assert all(row["time"].endswith("Z") and row["value"] and row["attempts"] == "1" for row in table)
    assert captured.err.splitlines() == [f"1 of 2  {HEAT}  ok", "2 of 2  7  ok"]


def test_a_silent_meter_has_a_row_that_says_so_and_the_others_are_read(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"secondary_address\n{SILENT}\n{HEAT}\n"
    run(bus, listed(tmp_path, text), "--csv", "--timeout", "0.01", "--retries", "1", code=1)
    captured = capsys.readouterr()
    silent, heat = rows(captured.out)[:2]
    assert (silent["address"], silent["outcome"], silent["attempts"]) == (SILENT, "silent", "2")
    assert "does not answer" in silent["error"]
    assert silent["value"] == ""
    assert heat["outcome"] == "ok"
    assert captured.err.splitlines()[-1] == "mbus: 2 of 2 meters were asked: 1 silent, 1 ok"


def test_a_list_is_read_into_json_lines_in_a_file(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "readings.json"
    run(bus, listed(tmp_path), "--json", "--output", str(output))
    assert capsys.readouterr().out == ""
    heat, water = (json.loads(line) for line in output.read_text().splitlines())
    assert (heat["address"], heat["primary"], heat["outcome"], heat["error"]) == (str(HEAT), 5, "ok", None)
    assert (water["secondary_address"], water["note"]) == (str(WATER), "=roof")
    assert len(water["telegrams"]) == 2


def test_a_list_may_stand_beside_addresses(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "5", listed(tmp_path), "--json")
    assert [json.loads(line)["address"] for line in capsys.readouterr().out.splitlines()] == [
        "5",
        str(HEAT),
        "7",
    ]


def test_without_a_form_a_list_is_shown_as_tables(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, listed(tmp_path))
    assert "KAM 85246798" in capsys.readouterr().out


def test_lines_that_make_no_sense_are_told_and_the_good_ones_are_read(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = listed(tmp_path, "primary_address\n300\n5\n")
    run(bus, path, "--csv", code=1)
    captured = capsys.readouterr()
    assert next(row["address"] for row in rows(captured.out)) == "5"
    assert f"{path}: line 2, primary_address: a primary address is a number from 0 to 250" in captured.err


def test_of_several_buses_one_is_named(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = listed(tmp_path, "primary_address,bus\n5,north\n7,south\n")
    run(bus, path, "--csv", code=1)
    assert "meters on north, south; say with --bus which" in capsys.readouterr().err
    run(bus, path, "--csv", "--bus", "south")
    assert {row["address"] for row in rows(capsys.readouterr().out)} == {"7"}
    run(bus, path, "--csv", "--bus", "east", code=1)
    assert "no meter to read on the bus east" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.csv"], "cannot read gone.csv: No such file or directory"),
        (["LIST", "--csv", "--output", "/nowhere/x.csv"], "cannot write /nowhere/x.csv"),
        (
            ["LIST", "--min-baud", "9600", "--max-baud", "300"],
            "the lowest rate 9600 is above the highest rate 300",
        ),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    path = listed(tmp_path)
    run(bus, *(path if word == "LIST" else word for word in arguments), code=1)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["5", "--output", "x.csv"], "--output is for a list of meters"),
        (["x.csv", "--output", "y.csv"], "--output wants --csv or --json"),
        (["x.csv", "--timeout", "0"], "wait for more than 0"),
        (["nobody"], "no file of that name"),
    ],
)
def test_wrong_use_of_lists_is_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["read", "tcp://127.0.0.1:1", *arguments])
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_what_was_read_stays_when_the_bus_goes_away(
    bus: ScriptedBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "readings.csv"
    path = listed(tmp_path, f"secondary_address\n{HEAT}\n{WATER}\n")
    bus.hangs_up_at = WATER.to_bytes()
    run(bus, path, "--csv", "--output", str(output), code=1)
    assert {row["address"] for row in rows(output.read_text())} == {str(HEAT)}
    assert "mbus: 1 of 2 meters were asked: 1 ok" in capsys.readouterr().err


@pytest.mark.process
def test_what_was_read_stays_when_somebody_interrupts(bus: ScriptedBus, tmp_path: Path) -> None:
    output = tmp_path / "readings.csv"
    path = listed(tmp_path, f"secondary_address\n{HEAT}\n{SILENT}\n")
    words = ["read", f"tcp://127.0.0.1:{bus.port}?allowance=30", path, "--csv", "--output", str(output)]
    # A shell that runs tests in the background has told its children to ignore the interrupt.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from mbusio.cli import main; sys.exit(main({words!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as reading:
        assert reading.stderr is not None
        assert reading.stderr.readline() == f"1 of 2  {HEAT}  ok\n"
        reading.send_signal(signal.SIGINT)
        _, err = reading.communicate()
    assert reading.returncode == 130
    assert err == "mbus: 1 of 2 meters were asked: 1 ok\n"
    assert {row["address"] for row in rows(output.read_text())} == {str(HEAT)}
