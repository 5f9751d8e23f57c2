"""Users: the default one, one's own, five at the most, never none."""

import asyncio
from pathlib import Path

import pytest

from mbusmaster.users import FACTORY_PASSWORD
from mbusweb.access import (
    Access,
    AccessError,
    AccessKind,
    AccessStoreError,
    LoginError,
    Problem,
    UserError,
    rows,
)
from support.access import GOOD, OTHER, Clocks, open_access


async def factory_session_id(access: Access) -> str:
    return (await access.log_in("user", FACTORY_PASSWORD, source="10.0.0.2", setup=True)).id


async def test_a_new_master_has_the_default_user_only(access: Access) -> None:
    assert access.is_factory
    assert not access.is_set_up
    assert access.users() == ()
    assert not access.problem


async def test_the_default_user_logs_in_from_the_setup_interface_only(access: Access) -> None:
    session = await access.log_in("user", "Kamstrup1", source="10.0.0.2", setup=True)
    assert session.is_factory
    assert session.user == "user"
    with pytest.raises(LoginError) as refused:
        await access.log_in("user", "Kamstrup1", source="192.168.1.9", setup=False)
    assert refused.value.kind is Problem.SETUP_ONLY
    assert [entry.outcome for entry in access.audit.entries(kind="login failed")] == ["refused"]


async def test_the_first_own_user_takes_the_place_of_the_default_user_and_ends_its_sessions(
    access: Access,
) -> None:
    session = await factory_session_id(access)
    user = await access.add_user("Jana", GOOD, who="user", source="10.0.0.2", first=True)
    assert user.name == "Jana"
    assert not access.is_factory
    assert access.is_set_up
    assert access.session(session) is None
    with pytest.raises(LoginError):
        await access.log_in("user", FACTORY_PASSWORD, source="10.0.0.2", setup=True)
    kinds = [entry.kind for entry in access.audit.entries()]
    assert kinds[1:3] == [AccessKind.USER_DELETED, AccessKind.USER_ADDED]


async def test_of_two_who_make_the_first_user_at_once_one_is_told(access: Access) -> None:
    done = await asyncio.gather(
        access.add_user("a", GOOD, first=True), access.add_user("b", GOOD, first=True), return_exceptions=True
    )
    (error,) = [outcome for outcome in done if isinstance(outcome, Exception)]
    assert isinstance(error, UserError)
    assert error.kind is Problem.NOT_FACTORY
    assert len(access.users()) == 1


async def test_there_are_five_users_at_the_most_also_when_six_are_made_at_once(access: Access) -> None:
    done = await asyncio.gather(
        *(access.add_user(f"user{n}", GOOD) for n in range(6)), return_exceptions=True
    )
    (error,) = [outcome for outcome in done if isinstance(outcome, Exception)]
    assert isinstance(error, UserError)
    assert error.kind is Problem.TOO_MANY_USERS
    assert len(access.users()) == 5


async def test_a_name_is_taken_whatever_its_case_and_form(access: Access) -> None:
    await access.add_user("Žofie", GOOD)
    for same in ("žofie", "ŽOFIE", "Z\u030cofie", "\uff3a\u030cofie"):
        with pytest.raises(UserError) as refused:
            await access.add_user(same, OTHER)
        assert refused.value.kind is Problem.NAME_TAKEN
        assert refused.value.field == "name"
    assert (await access.log_in("z\u030cOFIE", GOOD, source="10.0.0.2", setup=True)).user == "Žofie"


async def test_the_last_user_cannot_be_deleted_also_when_two_delete_each_other(access: Access) -> None:
    await access.add_user("a", GOOD)
    await access.add_user("b", GOOD)
    done = await asyncio.gather(access.delete_user("a"), access.delete_user("b"), return_exceptions=True)
    (error,) = [outcome for outcome in done if isinstance(outcome, Exception)]
    assert isinstance(error, UserError)
    assert error.kind is Problem.LAST_USER
    assert len(access.users()) == 1


async def test_deleting_a_user_ends_the_sessions_and_tokens(access: Access) -> None:
    await access.add_user("a", GOOD)
    await access.add_user("b", GOOD)
    session = await access.log_in("a", GOOD, source="10.0.0.2", setup=True)
    _, secret = await access.create_token("a", "export")
    await access.delete_user("a", who="b")
    assert access.session(session.id) is None
    assert access.token(secret, source="10.0.0.2") is None


async def test_a_user_of_the_same_name_is_another_user(access: Access) -> None:
    await access.add_user("a", GOOD)
    await access.add_user("b", GOOD)
    session = await access.log_in("a", GOOD, source="10.0.0.2", setup=True)
    await access.delete_user("a")
    await access.add_user("a", GOOD)
    assert access.session(session.id) is None


async def test_a_new_password_ends_the_other_sessions_of_the_user(access: Access) -> None:
    await access.add_user("a", GOOD)
    await access.add_user("b", GOOD)
    here, there = [await access.log_in("a", GOOD, source="10.0.0.2", setup=True) for _ in range(2)]
    other = await access.log_in("b", GOOD, source="10.0.0.2", setup=True)
    await access.change_password("a", OTHER, who="a", keep=here)
    assert access.session(here.id) is not None
    assert access.session(other.id) is not None
    assert access.session(there.id) is None
    with pytest.raises(LoginError):
        await access.log_in("a", GOOD, source="10.0.0.2", setup=True)
    assert await access.log_in("a", OTHER, source="10.0.0.2", setup=True)


async def test_changing_the_password_of_another_user_gives_ones_own_session_nothing(access: Access) -> None:
    await access.add_user("a", GOOD)
    await access.add_user("b", GOOD)
    session = await access.log_in("b", GOOD, source="10.0.0.2", setup=True)
    await access.change_password("a", OTHER, keep=session)
    assert access.session(session.id) is not None
    await access.change_password("b", OTHER)
    assert access.session(session.id) is None


async def test_a_new_password_that_could_not_be_written_leaves_no_session_behind(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    await access.add_user("a", GOOD)
    session = await access.log_in("a", GOOD, source="10.0.0.2", setup=True)

    def fail(*_: object) -> None:
        raise AccessStoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "set_password", fail)
        with pytest.raises(AccessStoreError):
            await access.change_password("a", OTHER, keep=session)
    assert access.session(session.id) is not None
    await access.change_password("a", OTHER)
    assert access.session(session.id) is None


async def test_a_listener_that_fails_keeps_nobody_out(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[None] = []
    access.on_change(lambda: 1 // 0)  # type: ignore[arg-type]
    access.on_change(lambda: told.append(None))
    await access.add_user("a", GOOD)
    assert told == [None]
    assert "something went wrong" in caplog.text


async def test_a_bad_password_changes_nothing_and_says_which_field(access: Access) -> None:
    await access.add_user("a", GOOD)
    for attempt in (access.change_password("a", "short"), access.add_user("b", "Kamstrup1234")):
        with pytest.raises(UserError) as refused:
            await attempt
        assert refused.value.field == "password"
    assert [user.name for user in access.users()] == ["a"]
    assert await access.log_in("a", GOOD, source="10.0.0.2", setup=True)


@pytest.mark.parametrize("name", ["b", "user", ""])
async def test_nothing_can_be_done_to_a_user_who_is_not_there(access: Access, name: str) -> None:
    await access.add_user("a", GOOD)
    for attempt in (access.change_password(name, OTHER), access.delete_user(name)):
        with pytest.raises(UserError) as refused:
            await attempt
        assert refused.value.kind is Problem.NO_SUCH_USER


async def test_a_reset_brings_the_default_user_back_and_ends_everything(access: Access) -> None:
    await access.add_user("a", GOOD)
    session = await access.log_in("a", GOOD, source="10.0.0.2", setup=True)
    _, secret = await access.create_token("a", "export")
    await access.reset(who="button")
    assert access.is_factory
    assert access.is_set_up, "channels that were set up go on"
    assert access.session(session.id) is None
    assert access.token(secret, source="10.0.0.2") is None
    assert (await access.log_in("user", FACTORY_PASSWORD, source="10.0.0.2", setup=True)).is_factory
    assert access.audit.entries(kind="reset")[0].who == "button"


async def test_a_reset_ends_the_sessions_of_the_default_user_too(access: Access) -> None:
    session = await factory_session_id(access)
    await access.reset()
    assert access.session(session) is None


async def test_a_reset_ends_the_delays(access: Access) -> None:
    for _ in range(5):
        with pytest.raises(LoginError):
            await access.log_in("user", "wrong", source="10.0.0.2", setup=True)
    await access.reset()
    assert await factory_session_id(access)


async def test_whoever_listens_is_told_of_each_change_of_users(access: Access) -> None:
    told: list[bool] = []
    stop = access.on_change(lambda: told.append(access.is_factory))
    await access.add_user("a", GOOD)
    session = await access.log_in("a", GOOD, source="10.0.0.2", setup=True)
    access.audit.entries()
    assert access.session(session.id) is not None
    assert told == [False]
    await access.reset()
    assert told == [False, True]
    stop()
    await access.add_user("a", GOOD)
    assert len(told) == 2


async def test_users_are_there_after_a_restart_and_sessions_are_not(tmp_path: Path, clocks: Clocks) -> None:
    with open_access(tmp_path, clocks) as before:
        await before.add_user("a", GOOD)
        session = await before.log_in("a", GOOD, source="10.0.0.2", setup=True)
    with open_access(tmp_path, clocks) as after:
        assert [user.name for user in after.users()] == ["a"]
        assert after.users()[0].last_login == clocks.now
        assert after.session(session.id) is None
        assert await after.log_in("a", GOOD, source="10.0.0.2", setup=True)


async def test_users_of_a_backup_take_the_place_of_all(tmp_path: Path, access: Access) -> None:
    await access.add_user("a", GOOD)
    await access.add_user("b", OTHER)
    secrets = access.export_secrets()
    (tmp_path / "other").mkdir()
    with open_access(tmp_path / "other") as other:
        await other.add_user("c", GOOD)
        session = await other.log_in("c", GOOD, source="10.0.0.2", setup=True)
        assert await other.import_secrets(secrets, who="c") == 2
        assert [user.name for user in other.users()] == ["a", "b"]
        assert other.session(session.id) is None
        assert await other.log_in("b", OTHER, source="10.0.0.2", setup=True)


async def test_a_backup_without_users_changes_nothing(tmp_path: Path, access: Access) -> None:
    secrets = access.export_secrets()
    await access.add_user("a", GOOD)
    assert await access.import_secrets(secrets) == 0
    assert not access.is_factory


HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43


@pytest.mark.parametrize(
    "secrets",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 60_000,
        b" " * 70_000,
        b'{"format": 2, "users": []}',
        b'{"format": 1, "users": [{"name": 5, "hash": "x"}]}',
        b'{"format": 1, "users": [{"name": "a", "hash": "x"}]}',
        b'{"format": 1, "users": [{"name": "a", "hash": null}]}',
        b'{"format": 1, "users": [{"name": "user", "hash": "%s"}]}' % HASH.encode(),
        b'{"format": 1, "users": [{"name": "a", "hash": "%s"}, {"name": "A", "hash": "%s"}]}'
        % (HASH.encode(), HASH.encode()),
        b'{"format": 1, "users": [{"name": "a", "hash": "%s"}]}' % HASH.replace("m=8", "m=4194304").encode(),
        b'{"format": 1, "users": [{"name": "a", "hash": "%s"}]}'
        % HASH.replace("argon2id", "argon2i").encode(),
    ],
)
async def test_a_backup_that_is_none_changes_nothing(access: Access, secrets: bytes) -> None:
    await access.add_user("a", GOOD)
    with pytest.raises(AccessError):
        await access.import_secrets(secrets)
    assert [user.name for user in access.users()] == ["a"]


async def test_a_user_who_is_being_added_while_all_are_reset_does_not_become_the_first(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    await access.add_user("anna", GOOD)
    hashing, was_reset = asyncio.Event(), asyncio.Event()
    make = access._hasher.make

    async def slowly(password: str) -> str:
        hashing.set()
        await was_reset.wait()
        return await make(password)

    monkeypatch.setattr(access._hasher, "make", slowly)
    adding = asyncio.create_task(access.add_user("bert", OTHER))
    await hashing.wait()
    await access.reset()
    was_reset.set()
    with pytest.raises(UserError, match="reset"):
        await adding
    assert access.is_factory
