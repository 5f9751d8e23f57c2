"""Logins: one answer for every wrong one, delays that no crowd slips past, one hash at a time."""

import asyncio
import threading
from pathlib import Path

import pytest
from argon2 import Parameters, Type

from mbusmaster.users import FACTORY_PASSWORD
from mbusweb.access import Access, Hasher, LoginError, Problem, Session
from mbusweb.access.hashing import PARAMETERS
from mbusweb.access.logins import MOST_CHECKING
from support.access import GOOD, OTHER, QUICK, Clocks, an_access, open_access

HERE = "192.168.1.7"


class HeldHasher(Hasher):
    """Looks at passwords only when the test lets it, and writes down what it was asked."""

    def __init__(self) -> None:
        super().__init__(QUICK)
        self.asked: list[str | None] = []
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()
        self.go_on = asyncio.Event()

    async def fits(self, stored: str | None, password: str) -> bool:
        self.asked.append(stored)
        self.arrivals.put_nowait(None)
        await self.go_on.wait()
        return await super().fits(stored, password)


async def log_in(access: Access, name: str, password: str, source: str = HERE) -> Session | LoginError:
    try:
        return await access.log_in(name, password, source=source, setup=False)
    except LoginError as error:
        return error


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(access: Access) -> None:
    await access.add_user("a", GOOD)
    answers = [await log_in(access, "a", "wrong", "10.0.0.5"), await log_in(access, "b", GOOD, "10.0.0.6")]
    for answer in answers:
        assert isinstance(answer, LoginError)
        assert (answer.kind, answer.wait_seconds) == (Problem.WRONG_LOGIN, 0)
    assert len({str(answer) for answer in answers}) == 1


async def test_for_an_unknown_name_a_hash_is_computed_too(tmp_path: Path) -> None:
    hasher = HeldHasher()
    hasher.go_on.set()
    with open_access(tmp_path, hasher=hasher) as access:
        await access.add_user("a", GOOD)
        for name in ("a", "b", "user", "", "x" * 10_000, "\ud800"):
            assert isinstance(await log_in(access, name, "wrong", f"10.0.0.{len(hasher.asked)}"), LoginError)
        assert len(hasher.asked) == 6
        assert hasher.asked[0] is not None
        assert hasher.asked[1:] == [None] * 5


def test_what_is_checked_for_an_unknown_name_costs_what_a_new_hash_costs() -> None:
    hasher = Hasher()
    assert not hasher.is_outdated(hasher._nobody)
    assert (PARAMETERS.memory_cost, PARAMETERS.parallelism, PARAMETERS.type) == (19456, 1, Type.ID)


@pytest.mark.parametrize("password", ["", "\x00", "x" * 129, "x" * 1_000_000, "\ud800" * 12, "é" * 128])
async def test_any_text_can_be_a_wrong_password(access: Access, password: str) -> None:
    await access.add_user("a", GOOD)
    answer = await log_in(access, "a", password)
    assert isinstance(answer, LoginError)
    assert answer.kind is Problem.WRONG_LOGIN


async def test_a_password_is_the_same_however_its_letters_are_put_together(access: Access) -> None:
    await access.add_user("a", "kávovar-42-lampa")
    assert isinstance(await log_in(access, "a", "ka\u0301vovar-42-lampa"), Session)


async def test_after_five_failures_the_right_password_is_refused_too_until_the_delay_is_over(
    access: Access, clocks: Clocks
) -> None:
    await access.add_user("a", GOOD)
    for _ in range(5):
        answer = await log_in(access, "a", "wrong")
    assert isinstance(answer, LoginError)
    assert answer.wait_seconds == 5
    answer = await log_in(access, "a", GOOD)
    assert isinstance(answer, LoginError)
    assert (answer.kind, answer.wait_seconds) == (Problem.WAIT, 5)
    clocks.pass_by(5)
    assert isinstance(await log_in(access, "a", GOOD), Session)
    assert isinstance(await log_in(access, "a", GOOD), Session)


async def test_guesses_at_the_same_time_do_not_slip_past_the_count(tmp_path: Path) -> None:
    hasher = HeldHasher()
    with open_access(tmp_path, hasher=hasher) as access:
        await access.add_user("a", GOOD)
        guesses = [asyncio.create_task(log_in(access, "a", f"wrong {n}")) for n in range(50)]
        guesses.append(asyncio.create_task(log_in(access, "a", GOOD)))
        await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
        hasher.go_on.set()
        answers = [await guess for guess in guesses]
        assert len(hasher.asked) == 5
        assert [a.kind for a in answers if isinstance(a, LoginError)].count(Problem.WAIT) == 46


async def test_guesses_that_are_broken_off_count(tmp_path: Path) -> None:
    hasher = HeldHasher()
    with open_access(tmp_path, hasher=hasher) as access:
        await access.add_user("a", GOOD)
        for _ in range(5):
            guess = asyncio.create_task(log_in(access, "a", "wrong"))
            await hasher.arrivals.get()
            guess.cancel()
            await asyncio.wait([guess])
        answer = await log_in(access, "a", GOOD)
        assert isinstance(answer, LoginError)
        assert answer.kind is Problem.WAIT


async def test_a_crowd_from_everywhere_is_sent_away_and_the_device_itself_is_not(tmp_path: Path) -> None:
    hasher = HeldHasher()
    with open_access(tmp_path, hasher=hasher) as access:
        await access.add_user("a", GOOD)
        crowd = [
            asyncio.create_task(log_in(access, f"x{n}", "wrong", f"10.0.0.{n}")) for n in range(MOST_CHECKING)
        ]
        for _ in crowd:
            await hasher.arrivals.get()
        answer = await log_in(access, "a", GOOD)
        assert isinstance(answer, LoginError)
        assert answer.kind is Problem.BUSY
        at_device = asyncio.create_task(access.log_in("a", GOOD, source="10.0.0.2", setup=True))
        hasher.go_on.set()
        assert (await at_device).user == "a"
        await asyncio.gather(*crowd)


async def test_a_user_deleted_while_the_password_is_looked_at_does_not_get_in(tmp_path: Path) -> None:
    hasher = HeldHasher()
    with open_access(tmp_path, hasher=hasher) as access:
        await access.add_user("a", GOOD)
        await access.add_user("b", GOOD)
        login = asyncio.create_task(log_in(access, "a", GOOD))
        await hasher.arrivals.get()
        await access.delete_user("a")
        hasher.go_on.set()
        assert isinstance(await login, LoginError)


async def test_a_user_deleted_while_the_hash_is_renewed_does_not_get_in(tmp_path: Path) -> None:
    with open_access(tmp_path) as before:
        await before.add_user("a", GOOD)
        await before.add_user("b", GOOD)

    class Deleting(Hasher):
        def is_outdated(self, stored: str) -> bool:
            return True

        async def make(self, password: str) -> str:
            await access.delete_user("a")
            return await super().make(password)

    with open_access(tmp_path, hasher=Deleting(QUICK)) as access:
        assert isinstance(await log_in(access, "a", GOOD), LoginError)


async def test_the_default_user_reset_while_the_password_is_looked_at_does_not_get_in(tmp_path: Path) -> None:
    hasher = HeldHasher()
    with open_access(tmp_path, hasher=hasher) as access:
        login = asyncio.create_task(access.log_in("user", FACTORY_PASSWORD, source="10.0.0.2", setup=True))
        await hasher.arrivals.get()
        await access.add_user("a", GOOD)
        hasher.go_on.set()
        with pytest.raises(LoginError):
            await login


async def test_one_hash_is_computed_at_a_time_in_the_whole_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = threading.Semaphore(1)
    together: list[bool] = []
    hashers = [Hasher(QUICK) for _ in range(3)]
    for hasher in hashers:
        compute = hasher._argon2.hash

        def watched(password: bytes, compute=compute) -> str:  # type: ignore[no-untyped-def]
            together.append(not inside.acquire(blocking=False))
            try:
                return str(compute(password))
            finally:
                inside.release()

        monkeypatch.setattr(hasher, "_argon2", type("Watched", (), {"hash": staticmethod(watched)})())
    try:
        await asyncio.gather(*(hasher.make("x") for hasher in hashers * 20))
    finally:
        for hasher in hashers:
            hasher.close()
    assert together == [False] * 60


async def test_a_hash_of_other_parameters_is_renewed_at_the_next_login(tmp_path: Path) -> None:
    with open_access(tmp_path) as before:
        await before.add_user("a", GOOD)
        old = before.export_secrets()
    stronger = Hasher(
        Parameters(
            type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=16, parallelism=1
        )
    )
    with open_access(tmp_path, hasher=stronger) as after:
        first = await after.log_in("a", GOOD, source=HERE, setup=False)
        after.audit.entries()
        assert b"m=16,t=2" in after.export_secrets()
        assert after.export_secrets() != old
        assert after.session(first.id) is not None
        assert isinstance(await log_in(after, "a", GOOD), Session)


async def test_a_change_that_matters_can_ask_for_the_password_again(access: Access) -> None:
    await access.add_user("a", GOOD)
    session = await access.log_in("a", GOOD, source=HERE, setup=False)
    await access.confirm(session, GOOD, source=HERE)
    for _ in range(5):
        with pytest.raises(LoginError):
            await access.confirm(session, OTHER, source=HERE)
    with pytest.raises(LoginError) as refused:
        await access.confirm(session, GOOD, source=HERE)
    assert refused.value.kind is Problem.WAIT


def test_before_it_is_open_nobody_can_log_in(tmp_path: Path, clocks: Clocks) -> None:
    access = an_access(tmp_path, clocks)
    assert not access.is_factory
    assert "has not been opened" in access.problem
