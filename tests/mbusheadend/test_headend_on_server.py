"""The command over a store on PostgreSQL."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mbusheadend.between import opened_people
from mbusheadend.cli import main
from mbusheadend.settings import load_settings
from mbusheadend.store.settings import StoreSettings
from support.postgres import shared_server


def test_commands_work_over_a_server_named_by_option_environment_or_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = shared_server().database()
    state = ["--state", str(tmp_path)]
    assert main(["token", "--json", "--store", url, *state]) == 0
    assert json.loads(capsys.readouterr().out)["token"]
    assert not (tmp_path / "headend.sqlite").exists()
    monkeypatch.setenv("MBUSHEADEND_STORE", url)
    assert main(["masters", "--json", *state]) == 0
    monkeypatch.delenv("MBUSHEADEND_STORE")
    file = tmp_path / "settings.toml"
    file.write_text(f'store = "{url}"\n')
    assert main(["masters", "--json", "--config", str(file), *state]) == 0
    file.write_text(f'[store]\nurl = "{url}"\npartitions = "day"\n')
    assert main(["masters", "--json", "--config", str(file), *state]) == 0
    assert not (tmp_path / "headend.sqlite").exists()


@pytest.mark.parametrize("url", ["postgresql://anna:topsecret@h/x", "postgresql://h/x?password=topsecret"])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["masters", "--store", url, "--state", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "password" in said
    assert "topsecret" not in said


def test_what_is_no_address_of_a_server_is_refused_without_being_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MBUSHEADEND_STORE", "mysql://anna:topsecret@h/x")
    assert main(["masters", "--state", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "postgresql://" in said
    assert "topsecret" not in said


def test_settings_do_not_show_the_address_of_the_store(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('store = "postgresql://anna:topsecret@h/x"\n')
    assert "topsecret" not in repr(load_settings(file, must_exist=True))


def test_a_store_is_moved_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = shared_server().database()
    state = ["--state", str(tmp_path)]
    assert main(["token", *state]) == 0
    assert main(["move-store", *state]) == 1
    assert main(["move-store", "--store", url, *state]) == 0
    assert "1 token" in capsys.readouterr().out


def test_users_tokens_and_audit_log_come_along_with_a_store_and_only_to_where_nobody_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = shared_server().database()
    state, there = ["--state", str(tmp_path)], ["--store", url, "--state", str(tmp_path)]
    monkeypatch.setattr("sys.stdin", io.StringIO("Wiesental-37-Bruecke\n"))
    assert main(["user", "add", "anna", "--role", "admin", *state]) == 0
    with closing(sqlite3.connect(tmp_path / "access.db")) as file, file:
        # Numbers that are not those of the server.
        file.execute("UPDATE users SET id = 7")
        file.execute(
            "INSERT INTO tokens (user, title, digest, created) VALUES (7, 'plots', x'01', '2026-11-23T00:00:00+00:00')"
        )
    assert main(["token", *state]) == 0
    assert main(["move-store", *there]) == 0
    assert "audit log: 1" in capsys.readouterr().out
    assert main(["user", "list", "--json", *there]) == 0
    (anna,) = json.loads(capsys.readouterr().out)
    assert (anna["name"], anna["role"]) == ("anna", "admin")
    with opened_people(StoreSettings(url=url)) as keeper:
        assert keeper.read(lambda connection: connection.execute("SELECT title FROM tokens").fetchall())
        kinds = keeper.read(lambda connection: connection.execute("SELECT kind FROM audit").fetchall())
        assert len(kinds) == 1
    assert main(["move-store", *there]) == 0
    assert "already" in capsys.readouterr().out


def test_a_backup_over_a_server_says_what_to_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = shared_server().database()
    state = ["--store", url, "--state", str(tmp_path / "state")]
    assert main(["backup", str(tmp_path / "backup.tar"), *state]) == 1
    assert "pg_basebackup" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "backup.tar"), *state]) == 1
    assert "PostgreSQL's own tools" in capsys.readouterr().err
