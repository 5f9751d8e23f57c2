"""Sessions end: unused, too old, logged out, too many."""

import asyncio
from datetime import UTC, datetime

import pytest

from mbusweb.access import Access
from mbusweb.access.rules import MOST_SESSIONS
from mbusweb.access.sessions import MOST_OF_A_USER, Holder, Session, Sessions
from support.access import GOOD, Clocks

AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def sessions(clocks: Clocks) -> Sessions:
    return Sessions(lambda: clocks.seconds, lambda: 30, lambda: 12)


def start(sessions: Sessions, user: int = 1) -> Session:
    return asyncio.run(sessions.start(Holder(user, f"user{user}", 1), AT, "10.0.0.2"))


def test_a_session_ends_when_it_is_not_used(sessions: Sessions, clocks: Clocks) -> None:
    session = start(sessions)
    clocks.pass_by(29 * 60)
    assert sessions.find(session.id) == session
    clocks.pass_by(29 * 60)
    assert sessions.find(session.id) == session
    clocks.pass_by(30 * 60)
    assert sessions.find(session.id) is None


def test_what_a_page_asks_by_itself_is_no_use(sessions: Sessions, clocks: Clocks) -> None:
    session = start(sessions)
    for _ in range(3):
        clocks.pass_by(600 - 1)
        assert sessions.find(session.id, is_use=False) is not None
    clocks.pass_by(3)
    assert sessions.find(session.id, is_use=False) is None


def test_a_session_ends_after_the_longest_time_however_much_it_is_used(
    sessions: Sessions, clocks: Clocks
) -> None:
    session = start(sessions)
    for _ in range(12 * 3 - 1):
        clocks.pass_by(20 * 60)
        assert sessions.find(session.id) is not None
    clocks.pass_by(20 * 60)
    assert sessions.find(session.id) is None


def test_a_change_of_the_settings_holds_for_sessions_that_are_there(clocks: Clocks) -> None:
    minutes = [30]
    sessions = Sessions(lambda: clocks.seconds, lambda: minutes[0], lambda: 12)
    session = start(sessions)
    clocks.pass_by(600)
    minutes[0] = 5
    assert sessions.find(session.id) is None


def test_each_login_has_an_id_and_a_csrf_token_of_its_own(sessions: Sessions) -> None:
    made = [start(sessions) for _ in range(5)]
    assert len({session.id for session in made} | {session.csrf for session in made}) == 10
    assert all(len(session.id) == 43 for session in made), "256 bits"


def test_ids_are_not_kept(sessions: Sessions) -> None:
    session = start(sessions)
    assert session.id not in repr(vars(sessions))


@pytest.mark.parametrize("identity", ["", "x", "x" * 100_000, "\ud800", "\x00"])
def test_any_other_text_is_no_session(sessions: Sessions, identity: str) -> None:
    start(sessions)
    assert sessions.find(identity) is None
    assert sessions.end(identity) is None


def test_a_user_has_a_few_sessions_and_the_longest_unused_makes_room(
    sessions: Sessions, clocks: Clocks
) -> None:
    other = start(sessions, 2)
    made = []
    for _ in range(MOST_OF_A_USER):
        made.append(start(sessions))
        clocks.pass_by(1)
    sessions.find(made[0].id)
    start(sessions)
    assert sessions.find(made[1].id) is None
    assert sessions.find(made[0].id) is not None
    assert sessions.find(other.id) is not None


def test_all_sessions_together_are_bounded(sessions: Sessions) -> None:
    made = [start(sessions, number) for number in range(3 * MOST_SESSIONS)]
    assert sum(sessions.find(session.id) is not None for session in made) == MOST_SESSIONS


async def test_logging_out_ends_the_session_on_the_server(access: Access) -> None:
    await access.add_user("a", GOOD)
    session = await access.log_in("a", GOOD, source="10.0.0.2", setup=True)
    access.log_out(session.id)
    access.log_out(session.id)
    assert access.session(session.id) is None
    assert len(access.audit.entries(kind="logout")) == 1


async def test_all_sessions_of_a_user_can_be_ended(access: Access) -> None:
    await access.add_user("a", GOOD)
    made = [await access.log_in("a", GOOD, source="10.0.0.2", setup=True) for _ in range(2)]
    assert access.log_out_user("A", who="b") == 2
    assert [access.session(session.id) for session in made] == [None, None]
    assert access.log_out_user("nobody") == 0
