import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from mbusio.cli import main
from support.needs import shared_telegrams
from support.system import nobody_takes

ENERGY = "68 15 15 68 08 11 72 17 58 85 06 2D 2C 08 04 04 00 00 00 04 06 E7 91 00 00 3C 16"


def checked(text: str) -> str:
    """Put the right checksum into a long frame written as hex text."""
    data = bytearray.fromhex(text)
    data[-2] = sum(data[4:-2]) & 0xFF
    return data.hex(" ").upper()


ENERGY = checked(ENERGY)
NEGATIVE = checked("68 06 06 68 08 01 78 01 5A F6 00 16")


def decoded(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["decode", "--json", *arguments]) == 0
    return [json.loads(line, parse_float=Decimal) for line in capsys.readouterr().out.splitlines()]


def test_hex_text_becomes_one_object_per_telegram(capsys: pytest.CaptureFixture[str]) -> None:
    (telegram,) = decoded(capsys, ENERGY)
    assert telegram["header"] == {
        "id": "06855817", "manufacturer": "KAM", "version": 8, "medium": "heat_outlet", "medium_code": 4,
        "access_number": 4, "status": 0, "configuration": 0, "secondary_address": "068558172D2C0804",
    }  # fmt: skip
    assert telegram["error"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        [ENERGY.replace(" ", "")],
        [ENERGY.replace(" ", ":").lower()],
        ["0x" + ENERGY.replace(" ", ", 0x")],
        ENERGY.split(),
        [ENERGY + "  # from the cellar"],
    ],
)
def test_hex_text_is_understood_however_it_is_written(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(decoded(capsys, *arguments)) == 1


def test_a_long_telegram_without_spaces_is_not_taken_for_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    longest = checked("68 FF FF 68 08 01 78 0F " + "00 " * 251 + "00 16")
    assert decoded(capsys, longest.replace(" ", ""))[0]["manufacturer_data"] == "00" * 251


def test_a_file_may_hold_several_telegrams_with_comments_and_line_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "readings.hex"
    file.write_text(f"# two meters\n{ENERGY[:30]}\n{ENERGY[30:]}\n\n{NEGATIVE} # second\n")
    assert [telegram["link"] for telegram in decoded(capsys, str(file))] == [
        {"c": 8, "a": 17},
        {"c": 8, "a": 1},
    ]


def test_a_file_may_hold_the_bytes_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reading.bin"
    file.write_bytes(bytes.fromhex(ENERGY))
    assert len(decoded(capsys, str(file))) == 1


def test_a_dash_is_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ENERGY.encode())))
    assert len(decoded(capsys, "-")) == 1


def test_numbers_are_exact(capsys: pytest.CaptureFixture[str]) -> None:
    (telegram,) = decoded(capsys, NEGATIVE)
    assert telegram["records"][0]["value"] == Decimal("-1.0")  # type: ignore[index]


def test_an_error_inside_a_telegram_is_told_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    (telegram,) = decoded(capsys, checked("68 05 05 68 08 01 78 04 06 00 16"))
    assert telegram["error"]
    assert telegram["records"] == []


def test_a_frame_without_application_data_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    (request,) = decoded(capsys, "10 7B FE 79 16")
    assert request["link"] == {"c": 0x7B, "a": 0xFE}
    assert "REQ_UD2 to any meter" in str(request["error"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("68 00 00 68 08 16", "length field 00 is below 3"),
        ("68 03 03 68 08 01 78 82 16", "checksum"),
        ("12 34", "no frame begins with 12"),
        ("680", "check for a digit too many or too few"),
        ("zz", "zz: neither hex text (digits in pairs) nor a file that exists"),
        ("/nowhere.hex", "nor a file that exists"),
        ("/", "Is a directory"),
    ],
)
def test_what_cannot_be_decoded_costs_the_exit_code_and_one_line(
    text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", "--json", text]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert says in err


def test_one_bad_input_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--json", "/nowhere.hex", ENERGY]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "nowhere" in err


def test_a_file_that_is_no_hex_text_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear meter,\n")
    assert main(["decode", str(file)]) == 1
    assert "line 1 is not hex text" in capsys.readouterr().err


def test_a_person_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", ENERGY]) == 0
    out = capsys.readouterr().out
    assert "KAM 06855817 heat_outlet" in out
    assert "37351000  Wh" in out


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ("68 0F 0F 68 08 01 72 17 58 85 06 2D 2C 08 04 04 00 00 00 00 16", "status ok"),
        (
            "68 0F 0F 68 08 01 72 17 58 85 06 2D 2C 08 04 04 08 00 00 00 16",
            "permanent_error (doubt the values)",
        ),
        ("68 13 13 68 08 01 73 78 56 34 12 0A 03 E9 7E 01 00 00 00 35 01 00 00 00 16", "status ok"),
    ],
)
def test_a_status_says_whether_the_values_are_to_be_doubted(
    frame: str, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", checked(frame)]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(status)


def test_a_text_of_a_meter_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = checked("68 0A 0A 68 08 01 78 0D FD 11 03 6D 1B 41 00 16")
    unit = checked("68 0A 0A 68 08 01 78 01 7C 03 9B 0A 1B 05 00 16")
    for frame in (text, unit):
        assert main(["decode", frame]) == 0
        out = capsys.readouterr().out
        assert not any("\x80" <= character <= "\x9f" or character == "\x1b" for character in out)
        assert main(["decode", "--json", frame]) == 0
        out = capsys.readouterr().out
        assert all(character.isprintable() for character in out.rstrip("\n"))


@pytest.mark.parametrize("arguments", [["decode"], ["decode", "--key", "12", "E5"], ["walk"], []])
def test_wrong_usage_ends_with_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: mbus" in capsys.readouterr().err


def test_all_recorded_telegrams_are_decoded_to_json(capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(shared_telegrams().glob("good/*.hex"))
    assert len(decoded(capsys, *map(str, files))) == len(files)


def test_decoding_loads_neither_serial_ports_nor_tables() -> None:
    code = (
        "import sys; from mbusio.cli import main; main(['decode', '--json', 'E5']); "
        "print(sorted(set(sys.modules) & {'asyncio', 'rich', 'serial', 'serialx'}), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"


@pytest.mark.process
@pytest.mark.parametrize(
    ("where", "said"), [("/dev/full", "mbus: cannot write: No space left on device\n"), (None, "")]
)
def test_output_that_nobody_takes_ends_with_1_and_at_most_one_line(where: str | None, said: str) -> None:
    assert nobody_takes(where, "mbusio.cli", "decode", "--json", ENERGY, "-") == (1, said)


@pytest.mark.process
def test_closed_output_is_no_trace_on_standard_error() -> None:
    command = f"{sys.executable} -m mbusio.cli decode --json '{ENERGY}' >&-"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
