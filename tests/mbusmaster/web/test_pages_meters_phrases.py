"""Every sentence that the meter list makes up has a shape, so that it can be shown in any language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mbusmaster.meterlist
from mbus.tables import fixed
from mbus.tables.media import MEDIA as CODES
from mbusmaster.meterlist import Kind, MeterList, Status
from mbusmaster.web import phrases
from mbusmaster.web.meter_texts import COLUMNS, advice, duration_text, kind_sign, status_sign
from mbusmaster.web.phrases import FILES, REMARKS, SCANS, is_known, phrase
from mbusweb.media_texts import MEDIA

BAD_FILES = (
    b"x" * 2_000_000,
    b"secondary_address\0",
    b"",
    b"a,b\r\n1,2\r\n",
    b"note,note,identification\r\n",
    b'identification\r\n"open\r\n',
    b"identification\r\n12345678,9\r\n",
    b"identification\r\n" + b"1" * 1001 + b"\r\n",
    b"identification,status\r\n12345678,well\r\n",
    b"identification,baud_rate\r\n12345678,1\r\n",
    b"identification,primary_address\r\n12345678,251\r\n",
    b"identification,version\r\n12345678,256\r\n",
    b"identification,medium\r\n12345678,256\r\n",
    b"identification,manufacturer\r\n12345678,KAMS TRUP\r\n",
    b"identification,first_seen\r\n12345678,yesterday\r\n",
    b"identification,first_seen\r\n12345678,1970-01-01T00:00:00Z\r\n",
    b"identification,fabrication_number\r\n12345678," + b"1" * 40 + b"\r\n",
    b"identification,note\r\n12345678," + b"1" * 201 + b"\r\n",
    b"identification,note\r\n12345678,a\x01b\r\n",
    b"identification,bus\r\n12345678,No\r\n",
    b"identification,bus\r\n12345678,attic\r\n",
    b"identification\r\n1234567G\r\n",
    b"identification\r\n12345678\r\n12345678\r\n",
    b"identification,note\r\n,x\r\n",
    b"secondary_address\r\nnonsense\r\n",
    b"secondary_address\r\n8.52468E+15\r\n",
    b"secondary_address\r\nFFFFFFFFFFFFFFFF\r\n",
    b"secondary_address,identification\r\n852467982D2C3504,85246799\r\n",
    b"identification,colour\r\nx,1\r\n",
    b"identification,note\r\nx,\xe6\r\n",
)


@pytest.mark.parametrize("data", BAD_FILES, ids=range(len(BAD_FILES)))
def test_what_is_wrong_with_a_file_has_a_shape(tmp_path: Path, data: bytes) -> None:
    meters = MeterList(tmp_path / "meters.db", clock=lambda: pytest.fail("nothing is stored"))
    try:
        report = meters.import_csv(data, bus="main", buses=("main",))
    finally:
        meters.close()
    texts = [problem.text for problem in report.problems] + list(report.warnings)
    assert texts
    assert [text for text in texts if not is_known(text)] == []


def sentences(name: str) -> Iterator[str]:
    """Give the texts of a module that read like sentences, each gap filled with a word."""
    tree = ast.parse((Path(mbusmaster.meterlist.__file__).parent / name).read_text())
    whole = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.Assert)]
    pieces = {id(piece) for node in whole for piece in ast.walk(node) if piece is not node}
    for node in ast.walk(tree):
        if id(node) in pieces:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else "12" for one in node.values)
            text = "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        yield text


@pytest.mark.parametrize("name", ["diagnosis.py", "sighting.py"])
def test_every_remark_has_a_shape(name: str) -> None:
    pattern = re.compile(r"(it|the|several|meter|an|no|noise|its|primary) [a-z0-9 ,:;()'-]+")
    found = {text for text in sentences(name) if pattern.fullmatch(text)}
    assert len(found) > 4
    # A part of a longer sentence is in the shape of that.
    parts = {"the answer came from address 1212"}
    assert {text for text in found if not is_known(text)} <= parts


@pytest.mark.parametrize("sentence", [*REMARKS, *SCANS, *FILES])
def test_a_sentence_comes_back_with_its_values(sentence: str) -> None:
    values = {name: f"<{name}>" for name in re.findall(r"%\((\w+)\)s", sentence)}
    text = sentence % values
    assert is_known(text)
    assert phrase(text) == text


def test_parts_are_translated_one_by_one_and_in_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "_", lambda text: text.upper().replace("%(BAUD)S", "%(baud)s"))
    assert phrase("no answer; noise in front of the answer") == "NO ANSWER; NOISE IN FRONT OF THE ANSWER"
    assert phrase("something nobody knows") == "something nobody knows"
    monkeypatch.setattr(phrases, "_", lambda text: {"nothing": "nichts"}.get(text, text))
    assert phrase("it answers at 300 baud, and at 2400 baud: nothing") == (
        "it answers at 300 baud, and at 2400 baud: nichts"
    )


def test_percent_signs_and_brackets_of_strangers_do_no_harm() -> None:
    for text in (
        "the answer cannot be read (%(x)s %s %)",
        "meter %(evil)s answers at its address",
        "%",
        "%(a)s",
    ):
        assert phrase(text) == text


def test_every_medium_status_and_kind_has_a_word() -> None:
    assert {*CODES.values(), *fixed.MEDIA} <= MEDIA.keys()
    assert len({status_sign(status).text for status in Status}) == len(Status)
    assert all(status_sign(status).icon for status in Status)
    assert [status for status in Status if not advice(status)] == [Status.ANSWERS]
    assert len({kind_sign(kind).text for kind in Kind}) == len(Kind)
    assert "secondary_address" in COLUMNS


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (7260, "2 h 1 min"),
        (-5, "0 s"),
    ],
)
def test_a_length_of_time_is_said_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
