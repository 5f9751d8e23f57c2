"""The commands that talk to a bus, against scripted meters behind TCP."""

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mbus.addressing import SecondaryAddress
from mbusio.cli import main
from support.scripted_bus import ScriptedBus, ScriptedMeter, scripted_bus

HEAT = SecondaryAddress.from_text("852467982D2C3504")
WATER = SecondaryAddress.from_text("11490378.ACW.0E.16")
NOBODY = "00000001FFFFFFFF"


@pytest.fixture
def bus() -> Iterator[ScriptedBus]:
    telegrams = [bytes.fromhex("04 06 01 00 00 00 1F"), bytes.fromhex("04 13 02 00 00 00")]
    with scripted_bus(ScriptedMeter(5, HEAT), ScriptedMeter(7, WATER, telegrams)) as bus:
        yield bus


def run(bus: ScriptedBus, command: str, *arguments: str, code: int = 0) -> None:
    # A short fixed allowance: scripted meters answer at once.
    url = f"tcp://127.0.0.1:{bus.port}?allowance=0.05&gap=0.05"
    assert main([command, url, "--baud", "38400", *arguments]) == code


def answer_yes(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal = io.StringIO(text)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)


def test_a_scan_finds_all_meters_and_tells_its_cost(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "scan", "--json")
    result = json.loads(capsys.readouterr().out)
    assert {meter["secondary_address"] for meter in result["meters"]} == {str(HEAT), str(WATER)}
    heat = next(meter for meter in result["meters"] if meter["primary"] == 5)
    assert heat == {
        "primary": 5, "secondary_address": "852467982D2C3504", "id": "85246798", "manufacturer": "KAM",
        "version": 53, "medium": "heat_outlet", "medium_code": 4, "baud": 38400, "remark": "",
    }  # fmt: skip
    assert set(result["transactions"]) == {"select", "request", "nke", "silence", "garbled"}
    assert result["bus_seconds"] > 0
    assert result["complete"]


def test_a_scan_of_primary_addresses_keeps_to_its_range(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "scan", "--primary", "4-6", "--json")
    result = json.loads(capsys.readouterr().out)
    assert [meter["primary"] for meter in result["meters"]] == [5]
    assert result["transactions"]["select"] == 0


def test_primary_and_secondary_search_together_list_each_meter_once(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "scan", "--primary", "4-6", "--secondary", "--json")
    assert len(json.loads(capsys.readouterr().out)["meters"]) == 2


def test_a_scan_with_a_mask_finds_what_fits(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "scan", "--secondary", "FFFFFFFF2D2CFFFF", "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["secondary_address"] for row in rows] == [str(HEAT)]


def test_a_person_sees_a_line_per_meter_and_a_sum(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "scan")
    out = capsys.readouterr().out
    assert "852467982D2C3504  85246798  KAM" in out
    assert "2 meters, " in out


def test_two_meters_with_one_primary_address_are_reported(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.meters[1].primary = 5
    run(bus, "scan", "--primary", "5")
    assert "address 5: something answers unreadably" in capsys.readouterr().out


@pytest.mark.process
def test_a_scan_that_is_interrupted_tells_what_it_found(bus: ScriptedBus) -> None:
    url = f"tcp://127.0.0.1:{bus.port}?allowance=5"
    # A shell that runs tests in the background has told its children to ignore the interrupt.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from mbusio.cli import main; sys.exit(main(['scan', '{url}', '--primary', '5-6']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as scan:
        assert scan.stdout is not None
        assert scan.stdout.readline().startswith("primary")
        assert scan.stdout.readline().startswith("      5")
        scan.send_signal(signal.SIGINT)
        out, err = scan.communicate()
    assert scan.returncode == 130
    assert "1 meter, " in out
    assert "stopped before the end" in out
    assert not err


def test_a_trace_shows_every_byte(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "read", "5", "--trace", "--json")
    err = capsys.readouterr().err
    assert "> 10 40 05 45 16" in err
    assert "< E5" in err


def test_reading_gives_an_object_per_meter_with_all_telegrams(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "read", "5", str(WATER), "--json")
    heat, water = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (heat["address"], heat["primary"], heat["secondary_address"]) == ("5", 5, str(HEAT))
    assert heat["telegrams"][0]["records"][0]["value"] == 37351000
    assert water["address"] == str(WATER)
    assert [telegram["records"][0]["quantity"] for telegram in water["telegrams"]] == ["energy", "volume"]


def test_the_digits_on_a_meter_are_enough_to_read_it(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "read", HEAT.identification, "--json")
    heat = json.loads(capsys.readouterr().out)
    assert (heat["address"], heat["secondary_address"]) == ("85246798FFFFFFFF", str(HEAT))


def test_the_only_meter_on_the_line_is_read_and_addressed_as_254(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    del bus.meters[1]
    run(bus, "set-address", "254", "12", "--yes")
    run(bus, "read", "254", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[1])["primary"] == 12


@pytest.mark.parametrize("address", ["254", "F" * 16])
def test_several_meters_where_one_was_meant_are_told(
    address: str, bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "read", address, code=1)
    assert "several meters" in capsys.readouterr().err


def test_a_meter_that_fails_costs_the_exit_code_and_the_others_are_read(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "read", NOBODY, "5", "--json", code=1)
    out, err = capsys.readouterr()
    missing, heat = (json.loads(line) for line in out.splitlines())
    assert (missing["address"], missing["telegrams"]) == (NOBODY, [])
    assert missing["error"] in err
    assert heat["error"] is None


def test_readings_as_csv_have_a_row_per_record(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "read", str(WATER), "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["telegram"], row["quantity"], row["value"]) for row in rows] == [
        ("1", "energy", "1000"), ("2", "volume", "0.002"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["--csv", "--json", None])
def test_a_meter_without_a_usable_record_costs_the_exit_code_and_a_line(
    form: str | None, bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.meters[1].telegrams = [bytes.fromhex("04 06 01")]
    run(bus, "read", "7", "5", *([form] if form else []), code=1)
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert err.startswith("mbus: 7: ")
    assert err.removeprefix("mbus: 7: ").strip() in out
    assert "37351000" in out


def test_a_reading_that_breaks_off_keeps_its_records_and_says_why(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.meters[0].telegrams = [bytes.fromhex("04 06 01 00 00 00 04 13 02")]
    run(bus, "read", "5", "--csv")
    out, err = capsys.readouterr()
    record, broken = csv.DictReader(io.StringIO(out))
    assert (record["value"], record["error"]) == ("1000", "")
    assert (broken["address"], broken["telegram"], broken["value"]) == ("5", "1", "")
    assert broken["error"] in err


def test_a_meter_that_does_not_answer_has_a_row_that_says_so(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "read", NOBODY, "--csv", code=1)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["address"] == NOBODY
    assert "does not answer" in row["error"]


def test_readings_are_tables_for_a_person(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "read", "5")
    assert "KAM 85246798 heat_outlet" in capsys.readouterr().out


def test_an_address_is_set_and_proven(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "set-address", str(HEAT), "12", "--yes")
    assert bus.meters[0].primary == 12
    assert "answers at primary address 12" in capsys.readouterr().out


def test_an_address_that_is_taken_is_refused(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "set-address", "5", "7", "--yes", code=1)
    assert "address 7 is taken" in capsys.readouterr().err
    assert bus.meters[0].primary == 5


def test_a_meter_that_acknowledges_and_does_not_obey_is_found_out(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.meters[0].obeys = False
    run(bus, "set-address", "5", "12", "--yes", code=1)
    assert "nobody answers at address 12" in capsys.readouterr().err


def test_a_clock_is_set_and_proven(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "set-clock", "5", "--time", "2026-07-28T13:45", "--yes")
    assert "says 2026-07-28 13:45" in capsys.readouterr().out
    assert bus.meters[0].written[0].data == bytes.fromhex("046D2D0D5C37")


def test_a_reset_reaches_the_selected_meter(bus: ScriptedBus, capsys: pytest.CaptureFixture[str]) -> None:
    run(bus, "reset", str(WATER), "--subcode", "10", "--yes")
    assert [(frame.ci, frame.data) for frame in bus.meters[1].written] == [(0x50, b"\x10")]
    assert not bus.meters[0].written
    assert "answers with 2 telegrams" in capsys.readouterr().out


def test_a_rate_that_the_path_cannot_follow_is_refused(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "set-baud", "5", "9600", "--yes", code=1)
    assert "cannot change the rate on the bus" in capsys.readouterr().err
    assert not bus.heard


def test_a_rate_that_the_bus_has_already_is_asked_for(
    bus: ScriptedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    run(bus, "set-baud", "5", "38400", "--yes")
    assert bus.meters[0].written[0].ci == 0xBF
    assert "answers at 38400 baud" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "frame"),
    [
        (["set-address", "1", "5"], "68 06 06 68 73 01 51 01 7A 05 45 16"),
        (["set-baud", "1", "9600"], "68 03 03 68 73 01 BD 31 16"),
        (["set-clock", "1", "--time", "2026-07-28T13:45"], "68 09 09 68 73 01 51 04 6D 2D 0D 5C 37 03 16"),
        (["reset", "1"], "68 03 03 68 73 01 50 C4 16"),
    ],
)
def test_a_dry_run_prints_the_frames_and_touches_no_bus(
    arguments: list[str], frame: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = arguments
    assert main([command, "/dev/ttyNOTHERE", *rest, "--dry-run"]) == 0
    assert frame in capsys.readouterr().out


def test_on_a_terminal_a_write_asks_first(
    bus: ScriptedBus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_yes(monkeypatch, "n\n")
    run(bus, "set-address", "5", "12", code=1)
    assert not bus.heard
    assert "Give meter 5 the primary address 12? [y/N]" in capsys.readouterr().err
    answer_yes(monkeypatch, "y\n")
    run(bus, "set-address", "5", "12")
    assert bus.meters[0].primary == 12


def test_a_bus_out_of_reach_is_one_line_that_says_what_to_do(
    unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["scan"], ["read", "5"], ["monitor"]):
        name, *rest = command
        assert main([name, f"tcp://127.0.0.1:{unused_tcp_port}", *rest]) == 1
        out, err = capsys.readouterr()
        assert not out
        assert err.count("\n") == 1
        assert "nobody listens there; check host and port" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "gateway"],
        ["scan", "tcp://h", "--primary", "9-3"],
        ["scan", "tcp://h", "--primary", "251"],
        ["scan", "tcp://h", "--primary", "254"],
        ["scan", "tcp://h", "--secondary", "123"],
        ["scan", "tcp://h", "--json", "--csv"],
        ["scan", "tcp://h", "--baud", "1"],
        ["read", "tcp://h"],
        ["read", "tcp://h", "251"],
        ["set-address", "tcp://h", "1", "254"],
        ["set-address", "tcp://h", "1", "300"],
        ["reset", "tcp://h", "1", "--subcode", "100"],
        ["set-clock", "tcp://h", "1", "--time", "noon"],
        ["read", "tcp://h", "1", "--key", "@/nowhere"],
    ],
)
def test_wrong_usage_ends_with_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "mbus" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scan", "--primary", "./bus"], "'./bus' is not FIRST-LAST, such as 1-20; the URL goes in front of"),
        (["scan", "--secondary", "./bus"], "the URL goes in front of --secondary"),
        (["read", "tcp://h", "253"], "253 names no meter: it is whichever meter was selected"),
        (["read", "tcp://h", "255"], "255 names no meter: every meter obeys it and none answers"),
        (["read", "tcp://h", "12345"], "the 8 digits on the meter (85246798), 16 hex digits"),
    ],
)
def test_wrong_usage_is_told_with_what_is_right(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["decode", "scan", "read", "set-address", "set-baud", "set-clock", "reset", "monitor"]
)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"examples:\n  mbus {command} " in capsys.readouterr().out
