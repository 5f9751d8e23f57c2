import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mbusweb.access import (
    Access,
    AccessError,
    Hasher,
    Problem,
    Rules,
    Session,
    TokenError,
    UserError,
    add_user_offline,
    delete_user_offline,
    list_users_offline,
    set_password_offline,
    set_role_offline,
)
from mbusweb.access.database import FILE_NAME
from mbusweb.access.migrations import VERSION
from support.access import GOOD, OTHER, QUICK, Clocks, open_access

RULES = Rules(
    most_users=4,
    token_prefix="t_",
    remedy="help yourself",
    roles=("reader", "operator", "admin"),
    most_sessions=6,
)


@pytest.fixture
def access(tmp_path: Path, clocks: Clocks) -> Iterator[Access]:
    with open_access(tmp_path, clocks, rules=RULES) as access:
        yield access


async def log_in(access: Access, name: str) -> Session:
    return await access.log_in(name, GOOD, source="192.0.2.1", setup=False)


def test_a_role_has_all_that_may_less() -> None:
    assert RULES.up_to("operator") == {"reader", "operator"}
    assert RULES.up_to("") == RULES.up_to("root") == frozenset()
    assert RULES.lower("admin", "reader") == RULES.lower("reader", "admin") == "reader"
    assert RULES.lower("admin", "nobody knows") == "nobody knows"


async def test_the_first_user_may_all_and_one_who_may_all_stays(access: Access) -> None:
    with pytest.raises(UserError) as refused:
        await access.add_user("anna", GOOD, role="reader")
    assert refused.value.kind is Problem.LAST_ADMIN
    await access.add_user("anna", GOOD, role="admin")
    await access.add_user("otto", GOOD, role="operator")
    for work in (access.set_role("anna", "operator"), access.delete_user("anna")):
        with pytest.raises(UserError) as refused:
            await work
        assert refused.value.kind is Problem.LAST_ADMIN
    await access.set_role("otto", "admin", who="anna")
    await access.set_role("anna", "reader", who="otto")
    assert [(user.name, user.role) for user in access.users()] == [("anna", "reader"), ("otto", "admin")]


@pytest.mark.parametrize("role", ["", "root", "ADMIN"])
async def test_there_are_no_other_roles(role: str, access: Access) -> None:
    await access.add_user("anna", GOOD, role="admin")
    with pytest.raises(UserError) as refused:
        await access.add_user("otto", GOOD, role=role)
    assert (refused.value.kind, refused.value.field) == (Problem.ROLE, "role")


async def test_a_session_has_the_role_of_this_moment(access: Access) -> None:
    await access.add_user("anna", GOOD, role="admin")
    await access.add_user("otto", GOOD, role="operator")
    session = await log_in(access, "otto")
    await access.set_role("otto", "reader")
    found = access.session(session.id)
    assert found is not None
    assert found.role == "reader"


async def test_a_token_may_no_more_than_its_user_at_any_time(access: Access) -> None:
    await access.add_user("anna", GOOD, role="admin")
    await access.add_user("otto", GOOD, role="operator")
    with pytest.raises(TokenError) as refused:
        await access.create_token("otto", "too much", role="admin")
    assert refused.value.kind is Problem.ROLE
    _token, reading = await access.create_token("otto", "plots", role="reader")
    _token, all_of_it = await access.create_token("otto", "all")

    def role(secret: str) -> str:
        user = access.token(secret, source="192.0.2.1")
        assert user is not None
        return user.role

    assert (role(reading), role(all_of_it)) == ("reader", "operator")
    await access.set_role("otto", "reader")
    assert role(all_of_it) == "reader"
    await access.set_role("otto", "admin")
    assert (role(reading), role(all_of_it)) == ("reader", "operator")


async def test_roles_survive_a_backup_which_must_have_one_who_may_all(access: Access) -> None:
    await access.add_user("zoe", GOOD, role="admin")
    await access.add_user("anna", GOOD, role="reader")
    data = access.export_secrets()
    await access.reset()
    assert await access.import_secrets(data) == 2
    assert [(user.name, user.role) for user in access.users()] == [("anna", "reader"), ("zoe", "admin")]
    with pytest.raises(AccessError, match="role admin"):
        await access.import_secrets(data.replace(b'"admin"', b'"reader"'))
    with pytest.raises(AccessError, match="another form"):
        await access.import_secrets(data.replace(b'"admin"', b'"root"'))


async def test_nobody_is_there_before_the_first_user_where_there_is_no_default_one(access: Access) -> None:
    with pytest.raises(AccessError) as refused:
        await access.log_in("", "", source="192.0.2.1", setup=True)
    assert refused.value.kind is Problem.WRONG_LOGIN


def test_users_are_looked_after_while_nothing_runs(tmp_path: Path) -> None:
    assert list_users_offline(tmp_path, RULES) == ()
    add_user_offline(tmp_path, "anna", GOOD, RULES, role="admin", hasher=Hasher(QUICK))
    add_user_offline(tmp_path, "otto", GOOD, RULES, role="reader", hasher=Hasher(QUICK))
    set_role_offline(tmp_path, "otto", "operator", RULES)
    assert [(one.name, one.role) for one in list_users_offline(tmp_path, RULES)] == [
        ("anna", "admin"),
        ("otto", "operator"),
    ]
    delete_user_offline(tmp_path, "otto", RULES)
    with pytest.raises(UserError):
        delete_user_offline(tmp_path, "otto", RULES)


async def test_a_command_changes_what_a_running_one_knows(tmp_path: Path) -> None:
    with open_access(tmp_path, rules=RULES) as access:
        await access.add_user("anna", GOOD, role="admin")
        session = await log_in(access, "anna")
        set_password_offline(tmp_path, "anna", OTHER, RULES, hasher=Hasher(QUICK))
        assert access.session(session.id) is None
        with pytest.raises(AccessError):
            await log_in(access, "anna")


async def test_a_file_from_before_the_roles_is_used_and_stays_one_that_older_releases_read(
    tmp_path: Path,
) -> None:
    with open_access(tmp_path) as access:
        await access.add_user("anna", GOOD)
        await access.create_token("anna", "plots")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file:
        for table in ("users", "tokens"):
            file.execute(f"ALTER TABLE {table} DROP COLUMN role")
        file.commit()
    with open_access(tmp_path) as access:
        assert (await log_in(access, "anna")).user == "anna"
        assert len(access.tokens()) == 1
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,) == (VERSION,)
        # As a release that knows of no roles writes.
        file.execute(
            "INSERT INTO users (key, name, hash, created, password_changed)"
            " SELECT 'otto', 'Otto', hash, created, password_changed FROM users"
        )
        file.commit()
    with open_access(tmp_path) as access:
        assert [user.name for user in access.users()] == ["anna", "Otto"]
