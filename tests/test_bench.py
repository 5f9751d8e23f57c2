"""Every table of the bench still runs, at its smallest, and what comes of it is written where it belongs; no figure is judged."""

import json
from pathlib import Path

import pytest
from bench.__main__ import TABLES, main
from bench.effort import Effort
from bench.figure import Figure, as_markdown
from bench.machine import Machine, describe
from bench.report import Table, as_json, put_into

from support.needs import PROJECT

WIDEST = 150 - len("12345")
"""Of a row: what a page may have, less the digits that come with more measuring."""
HERE = Machine("2026-01-02", 2, "A processor", "Linux 6", "CPython 3.11", 0.25)
TABLE = Table(
    [Figure("a round", 1.5, 1.02, "× bound"), Figure("more", 3.0, 2.0, "a second", at_least=True)], HERE
)


@pytest.mark.peers
@pytest.mark.process
@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_figures(name: str) -> None:
    figures = TABLES[name](Effort.LEAST)
    assert figures
    assert len({(figure.what, figure.how) for figure in figures}) == len(figures), "each row is another"
    wide = [line for line in as_markdown(figures).splitlines() if len(line) > WIDEST]
    assert not wide


def test_every_table_has_its_place_in_the_document() -> None:
    page = (PROJECT / "docs" / "performance.md").read_text()
    assert put_into(page, dict.fromkeys(TABLES, TABLE)).count(TABLE.markdown()) == len(TABLES)


def test_a_table_comes_between_its_marks_and_all_else_stays() -> None:
    page = "a\n<!-- bench one -->\nold\n<!-- end of one -->\nb\n<!-- bench two -->\n<!-- end of two -->\n"
    changed = put_into(page, {"one": TABLE})
    assert changed == page.replace("old\n", f"{TABLE.markdown()}\n\n")
    assert put_into(changed, {"one": TABLE}) == changed


def test_a_table_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places for the table three"):
        put_into("nothing", {"three": TABLE})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serach"], "there is no table 'serach'"),
        (["search", "--document", "page.md"], "0 places for the table search"),
        (["--document", "none.md"], "No such file"),
        (["--document", "page.md", "--effort", "quick"], "only figures of the full run"),
        (["--json", "."], "is a directory"),
    ],
)
def test_what_cannot_be_done_in_the_end_is_told_before_anything_is_measured(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.md").write_text("# Nothing\n")
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    monkeypatch.setattr("bench.__main__.TABLES", dict.fromkeys(TABLES))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_ratios_come_first() -> None:
    rows = as_markdown([Figure("seconds", 2, None, "s"), Figure("ratio", 3, None, "× theirs")]).splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| ratio", "| seconds"]


def test_json_tells_effort_machine_and_what_was_reached() -> None:
    told = json.loads(as_json({"round": TABLE}, Effort.QUICK))
    assert told["effort"] == "quick"
    assert told["tables"]["round"]["machine"]["cores"] == 2
    assert [figure["met"] for figure in told["tables"]["round"]["figures"]] == [False, True]


def test_this_machine_is_described() -> None:
    machine = describe()
    assert machine.cores >= 1
    assert machine.model in str(machine)
