"""The file of the users: private, whole, never replaced in silence, seen by everybody when somebody changes it."""

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mbusmaster.users import FACTORY_PASSWORD, RULES
from mbusweb.access import (
    Access,
    AccessStoreError,
    Hasher,
    LoginError,
    Problem,
    UserError,
    add_user_offline,
    migrations,
    reset_users,
)
from mbusweb.access import database as module
from mbusweb.access.access import WATCH_SECONDS
from mbusweb.access.database import DAMAGED_SUFFIX, FILE_NAME, connect
from support.access import GOOD, OTHER, QUICK, Clocks, open_access
from support.virtual_time import in_virtual_time

HERE = "10.0.0.2"


async def make_users(state: Path) -> Path:
    """Leave a file with users in it behind."""
    with open_access(state) as access:
        await access.add_user("a", GOOD)
    return state / FILE_NAME


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with open_access(tmp_path) as access:
        access.audit.record("login", who="a", source="b")
        access.audit.entries()
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert FILE_NAME in files
    assert set(files.values()) == {0o600}


def test_every_commit_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    with open_access(tmp_path):
        connection = connect(tmp_path / FILE_NAME, RULES.remedy)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def cut(path: Path) -> None:
    os.truncate(path, 5000)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(2000))


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def other_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE users")
    connection.close()


def no_state(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM state")
    connection.close()


def no_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
    connection.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def only_the_log(path: Path) -> None:
    path.rename(f"{path}-wal")


DAMAGES = [cut, empty, scribble, overwrite, other_tables, no_state, no_version, newer, only_the_log]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_file_of_no_use_lets_nobody_in_and_is_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = await make_users(tmp_path)
    damage(path)
    before = {file.name: file.stat().st_size for file in tmp_path.iterdir()}  # noqa: ASYNC240
    with open_access(tmp_path) as access:
        assert FILE_NAME in access.problem
        assert "reset-users" in access.problem
        assert not access.is_factory
        assert not access.users()
        assert not access.tokens()
        assert not access.audit.entries()
        for name, password in (("user", FACTORY_PASSWORD), ("a", GOOD)):
            with pytest.raises(LoginError) as refused:
                await access.log_in(name, password, source=HERE, setup=True)
            assert refused.value.kind is Problem.UNUSABLE
        with pytest.raises(AccessStoreError):
            await access.add_user("b", GOOD)
    after = {file.name: file.stat().st_size for file in tmp_path.iterdir() if file.name in before}  # noqa: ASYNC240
    assert after == before


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_reset_sets_a_file_of_no_use_aside(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = await make_users(tmp_path)
    damage(path)
    with open_access(tmp_path) as access:
        await access.reset(who="button")
        assert not access.problem
        assert access.is_factory
        assert access.is_set_up
        assert [entry.kind for entry in access.audit.entries()] == ["reset"]
        await access.add_user("b", GOOD)
    assert list(tmp_path.glob(f"{FILE_NAME}{DAMAGED_SUFFIX}*"))  # noqa: ASYNC240
    with open_access(tmp_path) as again:
        assert [user.name for user in again.users()] == ["b"]


async def test_damage_under_a_running_gateway_ends_the_sessions(tmp_path: Path) -> None:
    path = await make_users(tmp_path)
    with open_access(tmp_path) as access:
        session = await access.log_in("a", GOOD, source=HERE, setup=True)
        access.audit.entries()
        damaged = tmp_path / "damaged"
        overwrite(damaged)
        os.replace(damaged, path)
        assert access.session(session.id) is None
        assert not access.is_factory
        assert access.is_set_up
        assert "damaged" in access.problem


async def test_a_file_that_goes_away_under_a_running_gateway_opens_no_door(tmp_path: Path) -> None:
    path = await make_users(tmp_path)
    with open_access(tmp_path) as access:
        aside = path.with_name("elsewhere")
        path.rename(aside)
        assert not access.is_factory
        assert "missing" in access.problem
        aside.rename(path)
        assert not access.problem
        assert access.users()


def test_a_state_folder_that_is_not_there_is_a_problem_with_its_name(tmp_path: Path) -> None:
    with open_access(tmp_path / "nowhere") as access:
        assert str(tmp_path / "nowhere") in access.problem
        assert not access.is_factory
        assert not access.is_set_up


async def test_an_older_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_users(tmp_path)
    steps = (*migrations.MIGRATIONS, "ALTER TABLE users ADD COLUMN shoe INTEGER; UPDATE users SET shoe = 43")
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(migrations, "VERSION", len(steps))
    with open_access(tmp_path) as access:
        assert await access.log_in("a", GOOD, source=HERE, setup=True)
    connection = connect(tmp_path / FILE_NAME, RULES.remedy)
    assert connection.execute("SELECT shoe FROM users").fetchall() == [(43,)]
    connection.close()


async def test_a_step_that_fails_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_users(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(
            migrations, "MIGRATIONS", (*migrations.MIGRATIONS, "DELETE FROM users; DELETE FROM shoes")
        )
        with open_access(tmp_path) as access:
            assert "shoes" in access.problem
    with open_access(tmp_path) as access:
        assert access.users()


def test_two_that_make_the_file_at_once_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_user_offline(tmp_path, "a", GOOD, RULES, hasher=Hasher(QUICK))
    module.create(tmp_path / FILE_NAME)
    with pytest.raises(UserError):
        add_user_offline(tmp_path, "a", GOOD, RULES, hasher=Hasher(QUICK))


async def fill_the_disk(access: Access) -> None:
    for _ in range(100):
        token, _ = await access.create_token("a", "x" * 60, source="x" * 60)
        await access.revoke_token("a", token.id, source="x" * 60)


async def test_a_full_disk_is_said_and_nothing_is_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = module._connection

    def small(path: Path) -> sqlite3.Connection:
        connection = original(path)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with open_access(tmp_path) as access:
        await access.add_user("a", GOOD)
        monkeypatch.setattr(module, "_connection", small)
        assert isinstance(access._database, module.Database)
        access._database._thread.submit(access._database._close_writer).result()
        with pytest.raises(AccessStoreError, match="full"):
            await fill_the_disk(access)
        assert not access.problem
        assert [user.name for user in access.users()] == ["a"]
        assert await access.log_in("a", GOOD, source=HERE, setup=True)


async def test_a_reset_by_another_process_is_noticed_at_the_next_question(tmp_path: Path) -> None:
    with open_access(tmp_path) as access:
        await access.add_user("a", GOOD)
        session = await access.log_in("a", GOOD, source=HERE, setup=True)
        _, secret = await access.create_token("a", "export")
        told: list[bool] = []
        access.on_change(lambda: told.append(access.is_factory))
        assert reset_users(tmp_path, RULES) is None
        assert access.session(session.id) is None
        assert access.token(secret, source=HERE) is None
        assert told == [True]
        (entry,) = access.audit.entries(kind="reset")
        assert entry.who == "command line"


@in_virtual_time
async def test_who_listens_is_told_of_it_within_seconds_though_nobody_asks(tmp_path: Path) -> None:
    add_user_offline(tmp_path, "a", GOOD, RULES, hasher=Hasher(QUICK))
    with open_access(tmp_path) as access:
        watching = asyncio.create_task(access.watch())
        told = asyncio.Event()
        access.on_change(told.set)
        await asyncio.sleep(10 * WATCH_SECONDS)
        assert not told.is_set()
        reset_users(tmp_path, RULES)
        asked_at = asyncio.get_running_loop().time()
        await told.wait()
        assert asyncio.get_running_loop().time() - asked_at <= WATCH_SECONDS
        watching.cancel()


@in_virtual_time
async def test_a_file_that_cannot_be_opened_for_a_while_is_opened_later(tmp_path: Path) -> None:
    with open_access(tmp_path / "later") as access:
        watching = asyncio.create_task(access.watch())
        assert access.problem
        (tmp_path / "later").mkdir()
        add_user_offline(tmp_path / "later", "a", GOOD, RULES, hasher=Hasher(QUICK))
        await asyncio.sleep(WATCH_SECONDS + 1)
        assert not access.problem
        assert [user.name for user in access.users()] == ["a"]
        watching.cancel()


async def test_a_reset_of_a_damaged_file_by_another_process_is_noticed(tmp_path: Path) -> None:
    path = await make_users(tmp_path)
    overwrite(path)
    with open_access(tmp_path) as access:
        assert access.problem
        aside = reset_users(tmp_path, RULES)
        assert aside is not None
        assert aside.name == f"{FILE_NAME}{DAMAGED_SUFFIX}"
        assert access.is_factory
        assert not access.problem
        await access.add_user("b", GOOD)
        assert not access.is_factory


async def test_a_user_added_by_a_command_can_log_in_at_once(tmp_path: Path) -> None:
    with open_access(tmp_path) as access:
        assert access.is_factory
        assert add_user_offline(tmp_path, "Jana", GOOD, RULES, hasher=Hasher(QUICK)) == "Jana"
        assert not access.is_factory
        assert (await access.log_in("jana", GOOD, source=HERE, setup=False)).user == "Jana"
        kinds = [entry.kind for entry in access.audit.entries(who="command line")]
        assert sorted(kinds) == ["user added", "user deleted"]


def test_a_command_works_before_the_first_start(tmp_path: Path) -> None:
    add_user_offline(tmp_path, "a", GOOD, RULES, hasher=Hasher(QUICK))
    with open_access(tmp_path) as access:
        assert not access.is_factory


@pytest.mark.parametrize(("name", "password"), [("user", OTHER), ("b", "short"), ("a", OTHER)])
def test_a_command_refuses_what_the_pages_refuse(tmp_path: Path, name: str, password: str) -> None:
    add_user_offline(tmp_path, "a", GOOD, RULES, hasher=Hasher(QUICK))
    with pytest.raises(UserError):
        add_user_offline(tmp_path, name, password, RULES, hasher=Hasher(QUICK))


def test_a_command_never_adds_a_user_to_a_damaged_file(tmp_path: Path) -> None:
    overwrite(tmp_path / FILE_NAME)
    with pytest.raises(AccessStoreError, match="reset-users"):
        add_user_offline(tmp_path, "a", GOOD, RULES, hasher=Hasher(QUICK))


def test_a_command_without_a_state_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(AccessStoreError, match="nowhere"):
        reset_users(tmp_path / "nowhere", RULES)


ADDER = """
import asyncio, sys
from pathlib import Path
from mbusweb.access.access import WATCH_SECONDS
from support.access import GOOD, open_access

async def main():
    with open_access(Path(sys.argv[1])) as access:
        for number in range(5):
            await access.add_user(f"user{number}", GOOD)
            print(f"user{number}", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.process
@pytest.mark.parametrize("acknowledged", [1, 3, 5])
def test_no_acknowledged_user_is_lost_when_the_process_is_killed(tmp_path: Path, acknowledged: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", ADDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        names = [process.stdout.readline().strip() for _ in range(acknowledged)]
    finally:
        process.kill()
        process.communicate()
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob(f"{FILE_NAME}*"):
        shutil.copy(file, copy)
    for state in (tmp_path, copy):
        with open_access(state, Clocks()) as access:
            assert [user.name for user in access.users()][:acknowledged] == names
            assert not access.is_factory


@pytest.mark.process
def test_a_process_killed_while_it_makes_the_file_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    for step in ("_connection", "_migrate", "sync_file", "_belong_to_owner_of_folder"):
        state = tmp_path / step
        state.mkdir()
        code = (
            "import os, signal, sys\nfrom pathlib import Path\nfrom mbusweb.access import database\n"
            f"database.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "database.create(Path(sys.argv[1]))\n"
        )
        ended = subprocess.run([sys.executable, "-c", code, str(state / FILE_NAME)], check=False)
        assert ended.returncode == -9
        with open_access(state) as access:
            assert access.is_factory
            assert not access.problem
