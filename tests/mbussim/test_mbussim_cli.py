import contextlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mbussim.cli import main
from support.needs import shared_telegrams
from support.system import nobody_takes, running


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    result = json.loads(lines[0])
    assert isinstance(result, dict)
    return result


def test_a_search_prints_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = output(
        capsys, "search", "--meters", "10", "--ids", "sequential", "--collisions", "filtered", "--json"
    )
    assert (result["meters"], result["found"], result["phantoms"]) == (10, 10, 0)
    assert {"selects", "requests", "bus_seconds"} <= result.keys()


def test_a_search_can_be_thorough_and_lose_answers(capsys: pytest.CaptureFixture[str]) -> None:
    result = output(
        capsys, "search", "--meters", "8", "--loss", "0.02", "--thorough", "--baud", "9600", "--json"
    )
    assert result["phantoms"] == 0


def test_a_round_prints_time_bound_and_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    result = output(
        capsys, "round", "--meters", "20", "--baud", "9600", "--reply-bytes", "60", "--missing", "2", "--json"
    )
    assert (result["meters"], result["answered"]) == (20, 18)
    assert {"bus_seconds", "bound_seconds", "ratio"} <= result.keys()


def test_without_json_there_is_a_line_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["round", "--meters", "3"]) == 0
    assert "bus seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["search", "--ids", "odd"], ["search", "--meters", "many"], ["search", "--loss", "2"],
     ["round", "--baud", "1234"], ["round", "--reply-bytes", "9"], ["serve", "--fault", "gravity"],
     ["serve", "--fault", "loss"], ["serve", "--tcp", "nowhere"], ["serve", "--tcp", "a:99999"],
     ["serve", "--control", "192.0.2.1:5"], ["serve", "--control", "127.0.0.1:x"], ["serve", "--baud"]],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_why(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "mbussim" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["round", "--meters", "300"],
        ["serve", "--replay", "/nowhere"],
        ["round", "--meters", "3", "--missing", "4"],
    ],
)
def test_wishes_that_do_not_fit_together_end_with_2_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_address_in_use_ends_with_1_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--tcp", f"127.0.0.1:{taken.getsockname()[1]}"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "--help"], ["search", "--help"], ["round", "--help"]]
)
def test_help_is_there_with_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert "mbussim" in capsys.readouterr().out


def ask(address: str, request: str, size: int) -> bytes:
    host, _, port = address.rpartition(":")
    with contextlib.closing(socket.create_connection((host, int(port)), 10)) as client:
        client.sendall(bytes.fromhex(request))
        return client.makefile("rb").read(size)


@pytest.mark.process
def test_serving_offers_what_it_says_and_goes_without_a_trace(tmp_path: Path) -> None:
    link, control = tmp_path / "tty", tmp_path / "control"
    with running(
        "mbussim",
        "serve",
        "--meters",
        "3",
        "--tcp",
        "127.0.0.1:0",
        "--pty",
        link,
        "--control",
        control,
        "--speed",
        "fast",
    ) as started:
        offers = started.offers
        assert [meter["primary"] for meter in offers["meters"]] == [1, 2, 3]
        assert offers["meters"][2]["telegrams"] == 3
        assert offers["left_out"] == []
        assert (offers["pty"], offers["control"]) == (str(link), str(control))
        assert ask(offers["tcp"], "1040014116", 1) == b"\xe5"
        assert link.is_symlink()
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(10) == 0
    assert not link.is_symlink()
    assert not control.exists()


@pytest.mark.process
def test_recorded_telegrams_are_served_as_they_are_and_what_is_left_out_is_listed() -> None:
    folder = shared_telegrams() / "good"
    with running("mbussim", "serve", "--meters", "0", "--replay", folder, "--speed", "fast") as started:
        meters = {meter["model"]: meter for meter in started.offers["meters"]}
        assert len(meters) + len(started.offers["left_out"]) == len(list(folder.glob("*.hex")))
        recorded = bytes.fromhex((folder / "kamstrup_multical_601.hex").read_text())
        primary = meters["kamstrup_multical_601"]["primary"]
        answer = ask(started.offers["tcp"], f"105B{primary:02X}{0x5B + primary & 0xFF:02X}16", len(recorded))
        assert (answer[:5], answer[6:-2]) == (recorded[:5], recorded[6:-2])
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(10) == 0


@pytest.mark.process
def test_serving_at_given_rates_makes_every_meter_listen_at_them_and_tcp_speak_at_the_first() -> None:
    with running(
        "mbussim", "serve", "--meters", "3", "--baud", "19200", "2400", "--speed", "fast"
    ) as started:
        assert ask(started.offers["tcp"], "1040034316", 1) == b"\xe5"


@pytest.mark.process
def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mbussim", "round", "--meters", "2", "--json"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["meters"] == 2


@pytest.mark.process
@pytest.mark.parametrize(
    ("where", "said"), [("/dev/full", "mbussim: cannot write: No space left on device\n"), (None, "")]
)
def test_figures_that_nobody_takes_end_with_1_and_at_most_one_line(where: str | None, said: str) -> None:
    assert nobody_takes(where, "mbussim", "search", "--meters", "2") == (1, said)


def test_an_interrupted_search_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(search: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mbussim.search.search_population", interrupted)
    assert main(["search", "--meters", "2"]) == 130


@pytest.mark.parametrize("command", ["serve", "search", "round"])
def test_help_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"examples:\n  mbussim {command}" in capsys.readouterr().out


def test_a_link_in_a_folder_that_is_not_there_makes_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--pty", str(tmp_path / "slip" / "tty")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
