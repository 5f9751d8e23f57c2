"""The command for tenants: added, renamed, bounded, deleted with all that they have."""

import io
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mbusheadend import cli
from support.postgres import database_of

KINDS = ("file", "server")


class Command:
    """Runs commands as people do, in this process."""

    def __init__(self, folder: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.state = folder / "state"
        self._capsys = capsys
        config = folder / "settings.toml"
        config.write_text(f'store = "{database_of(folder)}"\n' if kind == "server" else "")
        self.url = database_of(folder) if kind == "server" else ""
        self._places = ["--state", str(self.state), "--config", str(config), "--name", "127.0.0.1"]

    def __call__(self, *arguments: str, fails: bool = False) -> str:
        status = cli.main([*arguments, *self._places[:4]])
        said = self._capsys.readouterr()
        assert status == (1 if fails else 0), said.err
        return said.err if fails else said.out

    def told(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture(params=KINDS)
def command(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, request.param, capsys)


def test_a_tenant_has_users_and_tokens_of_its_own_and_goes_with_all_of_them(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [one["name"] for one in command.told("tenant", "list")] == ["main"]
    command("tenant", "add", "works")
    monkeypatch.setattr("sys.stdin", io.StringIO("a long passphrase\n"))
    command("user", "add", "anna", "--role", "admin", "--tenant", "works")
    assert [one["name"] for one in command.told("user", "list", "--tenant", "works")] == ["anna"]
    assert command.told("user", "list") == []
    command.told("token", "--tenant", "works")
    # One authority for all.
    assert len([*command.state.rglob("authority.pem")]) == 1

    command("tenant", "rename", "works", "plant")
    assert "anna" in command("user", "list", "--tenant", "plant")
    assert "no tenant works" in command("user", "list", "--tenant", "works", fails=True)

    assert "--sure plant" in command("tenant", "delete", "plant", fails=True)
    assert "nothing was deleted" in command("tenant", "delete", "plant", "--sure", "main", fails=True)
    assert "0 masters" in command("tenant", "delete", "plant", "--sure", "plant")
    assert [one["name"] for one in command.told("tenant", "list")] == ["main"]
    if command.url:
        with psycopg.connect(command.url) as raw:
            for table in ("people.users", "people.audit", "token"):
                raw.execute("SET mbus.tenant = 2")
                assert raw.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
            assert raw.execute("SELECT count(*) FROM of_token").fetchone() == (0,)
    else:
        assert not (command.state / "tenants" / "2").exists()
    # A number is never given again: certificates name it.
    command("tenant", "add", "plant")
    assert [one["id"] for one in command.told("tenant", "list")] == [1, 3]


def test_quotas_are_set_one_by_one_and_taken_back(command: Command) -> None:
    command("tenant", "add", "works")
    assert "at most 20 masters" in command("tenant", "quota", "works", "--masters", "20")
    command("tenant", "quota", "works", "--readings-per-day", "500")
    assert command.told("tenant", "list")[1]["quota"] == {"masters": 20, "readings_per_day": 500}
    assert "at most 500 readings per day" in command("tenant", "quota", "works", "--masters", "0")


@pytest.mark.parametrize("name", ["", "Works", "a b", "x" * 33, "main", "../up"])
def test_a_name_that_is_none_or_another_ones_is_refused(command: Command, name: str) -> None:
    assert "tenant" in command("tenant", "add", name, fails=True)
    assert len(command.told("tenant", "list")) == 1


def test_the_main_tenant_stays(command: Command) -> None:
    assert "always there" in command("tenant", "delete", "main", "--sure", "main", fails=True)
