"""Schedules from the command line, in a store on disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.cli import main


@pytest.fixture(name="run")
def _run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    config = tmp_path / "none.toml"
    config.touch()

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["schedule", *arguments, "--state", str(tmp_path / "state"), "--config", str(config)])
        out, err = capsys.readouterr()
        return status, out or err

    return run


def listed(run: Any) -> list[dict[str, Any]]:
    status, text = run("list", "--json")
    assert status == 0
    return list(json.loads(text))


def test_a_schedule_is_added_replaced_listed_and_deleted(run: Any) -> None:
    assert run("add", "hourly", "--every", "60", "--everybody") == (
        0,
        "schedule hourly, version 1: every 60 min\n",
    )
    status, text = run("add", "hourly", "--every", "30", "--group", "north", "--budget", "4", "--skip")
    assert (status, text) == (0, "schedule hourly, version 2: every 30 min\n")
    (one,) = listed(run)
    assert (one["rule"]["minutes"], one["groups"], one["everybody"]) == (30, ["north"], False)
    assert (one["budget"], one["missed"]) == (4, "skip")
    assert "group north" in run("list")[1]
    assert run("delete", "hourly")[0] == 0
    assert listed(run) == []


def test_times_of_day_have_a_zone_weekdays_and_days_of_the_month(run: Any) -> None:
    status, text = run(
        "add", "night", "--at", "00:30,13:05", "--zone", "Europe/Copenhagen", "--weekdays", "1,5",
        "--days=-1,3", "--master", "M1", "--title", "At night",
    )  # fmt: skip
    assert status == 0
    assert text.endswith("00:30, 13:05 Europe/Copenhagen Mon, Fri day last, 3 of the month\n")
    (one,) = listed(run)
    assert one["rule"] == {
        "kind": "calendar",
        "zone": "Europe/Copenhagen",
        "times": [30, 785],
        "weekdays": [1, 5],
        "days": [-1, 3],
    }
    assert (one["masters"], one["title"], one["missed"]) == (["M1"], "At night", "make up")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add", "x", "--every", "5"), "for whom"),
        (("add", "x", "--every", "0", "--everybody"), "greater than or equal to 1"),
        (("add", "x y", "--every", "5", "--everybody"), "id"),
        (("add", "x", "--at", "24:00", "--everybody"), "no time of day"),
        (("add", "x", "--at", "06:30", "--zone", "Europe/Nowhere", "--everybody"), "no time zone Europe/Nowhere"),
        (("add", "x", "--at", "06:30", "--weekdays", "8", "--everybody"), "weekdays"),
        (("delete", "x"), "there is no schedule x"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    run: Any, arguments: tuple[str, ...], why: str
) -> None:
    status, text = run(*arguments)
    assert status == 1
    assert why in text
    assert text.count("\n") == 1
    assert listed(run) == []
