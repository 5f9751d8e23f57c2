"""Users, sessions and the audit log on a server: two processes know the same people."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.store.postgres.migrating import migrate
from mbusheadend.store.postgres.people import People
from mbusheadend.store.postgres.server import Server
from mbusheadend.store.postgres.sessions import REMEMBERED, SharedSessions
from mbusheadend.users import RULES
from mbusweb.access import Access, AccessStoreError, Hasher, LoginError
from support.access import GOOD, OTHER, QUICK, Clocks
from support.postgres import Postgres, shared_server
from support.settled import settled

pytestmark = pytest.mark.peers

HERE = "10.0.0.2"


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@contextmanager
def opened(url: str, clocks: Clocks, tenant: int = 1) -> Iterator[Access]:
    server = Server(url)
    keeper = People(server, tenant)
    sessions = SharedSessions(keeper, lambda: clocks.now, lambda: 30, lambda: 12, RULES.most_sessions)
    access = Access(
        Path("/nowhere"),
        RULES,
        clock=lambda: clocks.now,
        monotonic=lambda: clocks.seconds,
        idle_minutes=lambda: 30,
        longest_hours=lambda: 12,
        hasher=Hasher(QUICK),
        keeper=keeper,
        sessions=sessions,
    )
    access.open()
    try:
        yield access
    finally:
        access.close()


@pytest.fixture
def url() -> str:
    return shared_server().database()


@pytest.fixture
def both(url: str, clocks: Clocks) -> Iterator[tuple[Access, Access]]:
    with opened(url, clocks) as one, opened(url, clocks) as other:
        yield one, other


def looked(access: Access) -> None:
    """Have a process see what others have changed, at once."""
    keeper = access._database
    assert isinstance(keeper, People)
    keeper._look()


async def test_a_user_that_one_process_adds_logs_in_at_the_other(both: tuple[Access, Access]) -> None:
    one, other = both
    assert one.is_factory
    await one.add_user("Ann", GOOD, role="admin", source=HERE)
    looked(other)
    assert [user.name for user in other.users()] == ["Ann"]
    session = await other.log_in("ann", GOOD, source=HERE, setup=False)
    assert session.user == "Ann"
    with pytest.raises(LoginError):
        await other.log_in("ann", OTHER, source=HERE, setup=False)
    assert {entry.kind for entry in other.audit.entries()} >= {"user added", "login", "login failed"}


async def test_a_session_is_known_to_every_process_and_ends_in_every_one(
    both: tuple[Access, Access], clocks: Clocks
) -> None:
    one, other = both
    await one.add_user("ann", GOOD, role="admin")
    session = await one.log_in("ann", GOOD, source=HERE, setup=False)
    looked(other)
    found = other.session(session.id)
    assert found is not None
    assert (found.user, found.csrf, found.role, found.created) == (
        "ann",
        session.csrf,
        "admin",
        session.created,
    )
    one.log_out(session.id)
    one.audit.entries()
    clocks.pass_by(REMEMBERED / 1000)
    assert other.session(session.id) is None


async def test_a_session_that_is_used_at_one_process_does_not_end_at_the_other(
    both: tuple[Access, Access], clocks: Clocks
) -> None:
    one, other = both
    await one.add_user("ann", GOOD, role="admin")
    session = await one.log_in("ann", GOOD, source=HERE, setup=False)
    looked(other)
    for _ in range(5):
        clocks.pass_by(20 * 60)
        assert one.session(session.id) is not None
    one.audit.entries()
    clocks.pass_by(20 * 60)
    assert other.session(session.id) is not None
    clocks.pass_by(30 * 60)
    assert other.session(session.id) is None


async def test_a_changed_password_ends_all_sessions_everywhere_but_the_one_that_changed_it(
    both: tuple[Access, Access], clocks: Clocks
) -> None:
    one, other = both
    await one.add_user("ann", GOOD, role="admin")
    mine = await one.log_in("ann", GOOD, source=HERE, setup=False)
    elsewhere = await one.log_in("ann", GOOD, source=HERE, setup=False)
    looked(other)
    assert other.session(elsewhere.id) is not None
    await one.change_password("ann", OTHER, keep=mine)
    looked(other)
    clocks.pass_by(REMEMBERED / 1000)
    assert other.session(elsewhere.id) is None
    assert one.session(elsewhere.id) is None
    assert other.session(mine.id) is not None
    assert one.session(mine.id) is not None


async def test_who_comes_again_and_again_with_an_id_of_no_session_costs_one_question(
    both: tuple[Access, Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = both
    keeper = one._database
    questions = 0
    read = keeper.read

    def counted(job: Any) -> Any:
        nonlocal questions
        questions += 1
        return read(job)

    monkeypatch.setattr(keeper, "read", counted)
    for _ in range(50):
        assert one.session("nobody's") is None
    assert questions == 1


async def test_sessions_of_a_deleted_user_and_all_of_one_user_end(
    both: tuple[Access, Access], clocks: Clocks
) -> None:
    one, other = both
    await one.add_user("ann", GOOD, role="admin")
    await one.add_user("ben", GOOD, role="reader")
    ann, ben = [await one.log_in(name, GOOD, source=HERE, setup=False) for name in ("ann", "ben")]
    looked(other)
    await other.delete_user("ben")
    looked(one)
    assert one.session(ben.id) is None
    assert other.log_out_user("ann") == 1
    other.audit.entries()
    clocks.pass_by(REMEMBERED / 1000)
    assert one.session(ann.id) is None


async def test_a_user_has_a_few_sessions_and_the_least_used_one_makes_room(
    both: tuple[Access, Access], clocks: Clocks
) -> None:
    one, _ = both
    await one.add_user("ann", GOOD, role="admin")
    sessions = []
    for _ in range(9):
        clocks.pass_by(60)
        sessions.append(await one.log_in("ann", GOOD, source=HERE, setup=False))
    assert one.session(sessions[0].id) is None
    assert all(one.session(session.id) is not None for session in sessions[1:])


async def test_a_token_that_one_process_makes_works_at_the_other_until_it_is_revoked(
    both: tuple[Access, Access],
) -> None:
    one, other = both
    await one.add_user("ann", GOOD, role="admin")
    token, secret = await one.create_token("ann", "billing", role="reader")
    looked(other)
    user = other.token(secret, source=HERE)
    assert user is not None
    assert (user.name, user.role) == ("ann", "reader")
    assert [one.title for one in other.tokens("ANN")] == ["billing"]
    await other.revoke_token("ann", token.id)
    looked(one)
    assert one.token(secret, source=HERE) is None


async def test_another_tenant_has_people_of_its_own(url: str, clocks: Clocks) -> None:
    migrate(Server(url))
    raw = Server(url).connect()
    raw.execute("INSERT INTO tenant (name) VALUES ('other')")
    raw.close()
    with opened(url, clocks) as main, opened(url, clocks, 2) as second:
        await main.add_user("ann", GOOD, role="admin")
        session = await main.log_in("ann", GOOD, source=HERE, setup=False)
        _, secret = await main.create_token("ann", "billing")
        looked(second)
        assert second.is_factory
        assert (second.users(), second.tokens(), second.audit.entries()) == ((), (), ())
        assert second.session(session.id) is None
        assert second.token(secret, source=HERE) is None
        await second.add_user("ann", OTHER, role="admin")
        with pytest.raises(LoginError):
            await main.log_in("ann", OTHER, source=HERE, setup=False)


async def test_without_its_server_nobody_logs_in_and_those_who_are_go_on_when_it_is_back(
    clocks: Clocks,
) -> None:
    with ExitStack() as stack:
        server = Postgres(is_safe=True)
        stack.callback(server.stop)
        access = stack.enter_context(opened(server.database(), clocks))
        await access.add_user("ann", GOOD, role="admin")
        session = await access.log_in("ann", GOOD, source=HERE, setup=False)
        await asyncio.to_thread(server.kill)
        looked(access)
        assert access.problem.startswith("the store at ")
        assert access.session(session.id) is None
        assert not access.is_factory
        with pytest.raises(LoginError):
            await access.log_in("ann", GOOD, source=HERE, setup=False)
        with pytest.raises(AccessStoreError):
            await access.set_role("ann", "admin")
        await asyncio.to_thread(server.start)
        looked(access)
        assert not access.problem
        assert access.session(session.id) is not None


async def test_what_another_process_changes_is_seen_by_itself(
    both: tuple[Access, Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    await one.add_user("ann", GOOD, role="admin")
    await settled(lambda: not other.is_factory)
