"""Who is let in, who waits in line, and who is given an appointment."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusheadend.errors import RefusedError
from mbusheadend.turnstile import Turnstile, urgency_of
from support.clocks import SetClock
from support.virtual_time import VirtualTimeLoop

Clock = SetClock[float]


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


class Visitor:
    """One that asks for a turn, and has it until it is told to go."""

    def __init__(self, turnstile: Turnstile, who: str, urgency: int = 3) -> None:
        self.is_in = False
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(turnstile, who, urgency))

    async def _visit(self, turnstile: Turnstile, who: str, urgency: int) -> None:
        with turnstile.let_in(who, urgency) as place:
            async with turnstile.turn(place):
                await self._stay()

    async def _stay(self) -> None:
        self.is_in = True
        try:
            await self._leave.wait()
        finally:
            self.is_in = False

    async def leave(self) -> None:
        self._leave.set()
        await self.task


async def come(turnstile: Turnstile, *who: str, urgency: int = 3) -> list[Visitor]:
    visitors = [Visitor(turnstile, one, urgency) for one in who]
    await settle()
    return visitors


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def appointment(visitor: Visitor) -> int:
    error = visitor.task.exception()
    assert isinstance(error, RefusedError)
    assert error.status == 429
    return int(error.headers["Retry-After"])


async def test_so_many_are_at_work_and_the_next_waits_until_one_has_left(clock: Clock) -> None:
    turnstile = Turnstile(2, 7, clock)
    first, second, third = await come(turnstile, "A", "B", "C")
    assert (first.is_in, second.is_in, third.is_in) == (True, True, False)
    await first.leave()
    assert third.is_in
    assert (turnstile.at_work, turnstile.waiting) == (2, 0)


async def test_what_is_urgent_passes_what_is_not(clock: Clock) -> None:
    turnstile = Turnstile(1, 6, clock)
    (first,) = await come(turnstile, "A")
    (backlog,) = await come(turnstile, "B", urgency=5)
    (news,) = await come(turnstile, "C", urgency=1)
    await first.leave()
    assert (news.is_in, backlog.is_in) == (True, False)


async def test_nothing_waits_for_ever_behind_what_is_urgent(clock: Clock) -> None:
    turnstile = Turnstile(1, 6, clock)
    (first,) = await come(turnstile, "A")
    (backlog,) = await come(turnstile, "B", urgency=7)
    clock.time = 200.0
    (news,) = await come(turnstile, "C", urgency=0)
    await first.leave()
    assert (news.is_in, backlog.is_in) == (False, True)


async def test_who_finds_the_line_full_gets_an_appointment_each_a_later_one(clock: Clock) -> None:
    turnstile = Turnstile(1, 3, clock)
    visitors = await come(turnstile, *(f"M{number}" for number in range(103)))
    appointments = [appointment(one) for one in visitors[3:]]
    assert appointments == sorted(appointments)
    # Each takes a twentieth of a second, so far as anybody knows.
    assert appointments[-1] == pytest.approx(100 * 0.05, abs=1.5)
    assert turnstile.refused == 100


async def test_who_comes_back_at_the_appointed_time_is_before_those_who_come_first_then(clock: Clock) -> None:
    turnstile = Turnstile(1, 2, clock)
    worker, waiting, sent_away = await come(turnstile, "A", "B", "C")
    clock.time = float(appointment(sent_away))
    await worker.leave()
    (newcomer,) = await come(turnstile, "D")
    (back,) = await come(turnstile, "C")
    assert appointment(newcomer) >= 1
    await waiting.leave()
    assert back.is_in


async def test_who_is_urgent_takes_the_place_of_the_last_in_a_full_line(clock: Clock) -> None:
    turnstile = Turnstile(1, 2, clock)
    worker, backlog = await come(turnstile, "A", "B", urgency=6)
    (news,) = await come(turnstile, "C", urgency=0)
    assert appointment(backlog) >= 1
    await worker.leave()
    assert news.is_in


async def test_a_master_has_one_request_in_here(clock: Clock) -> None:
    turnstile = Turnstile(4, 8, clock)
    first, again = await come(turnstile, "A", "A")
    assert first.is_in
    assert appointment(again) == 1
    await first.leave()
    (later,) = await come(turnstile, "A")
    assert later.is_in


async def test_one_whose_body_still_comes_has_a_place_and_holds_up_nobodys_work(clock: Clock) -> None:
    turnstile = Turnstile(1, 2, clock)
    with turnstile.let_in("slow", 3) as slow:
        (worker,) = await come(turnstile, "A")
        assert worker.is_in
        (too_many,) = await come(turnstile, "B")
        assert appointment(too_many) >= 1
        await worker.leave()
        async with turnstile.turn(slow):
            assert turnstile.at_work == 1


async def test_one_who_hangs_up_in_line_takes_nobodys_turn(clock: Clock) -> None:
    turnstile = Turnstile(1, 4, clock)
    worker, gone, next_one = await come(turnstile, "A", "B", "C")
    gone.task.cancel()
    await settle()
    await worker.leave()
    assert next_one.is_in
    await next_one.leave()
    assert (turnstile.at_work, turnstile.waiting) == (0, 0)


async def test_one_who_hangs_up_in_the_moment_of_its_turn_leaves_it_to_the_next(clock: Clock) -> None:
    turnstile = Turnstile(1, 4, clock)
    worker, gone, next_one = await come(turnstile, "A", "B", "C")
    worker._leave.set()
    await asyncio.sleep(0)
    gone.task.cancel()
    await settle()
    assert next_one.is_in


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["come", "leave", "cancel"])), max_size=60))
def test_whatever_happens_no_place_is_lost(steps: list[tuple[int, str]]) -> None:
    async def play() -> None:
        clock = Clock(0.0)
        turnstile = Turnstile(2, 5, clock)
        visitors: list[Visitor] = []
        for number, (urgency, step) in enumerate(steps):
            clock.time += 0.1
            here = [one for one in visitors if not one.task.done()]
            if step == "come" or not here:
                visitors += await come(turnstile, f"M{number}", urgency=urgency)
            elif step == "cancel":
                here[urgency % len(here)].task.cancel()
            elif inside := [one for one in here if one.is_in]:
                inside[urgency % len(inside)]._leave.set()
            await settle()
            assert sum(one.is_in for one in visitors) == turnstile.at_work <= 2
            assert turnstile.waiting <= 3
            assert turnstile.at_work == 2 or not turnstile.waiting
        for one in visitors:
            one.task.cancel()
            with suppress(RefusedError, asyncio.CancelledError):
                await one.task
        assert (turnstile.at_work, turnstile.waiting) == (0, 0)

    asyncio.run(play())


def test_ten_thousand_masters_that_come_back_at_once_are_served_in_the_order_in_which_they_asked() -> None:
    masters, takes, at_once = 10_000, 0.05, 16
    served: list[int] = []
    asked: list[int] = []

    async def master(turnstile: Turnstile, number: int) -> None:
        await asyncio.sleep(number / 5000)
        while True:
            asked.append(number)
            try:
                with turnstile.let_in(f"M{number}", 3) as place:
                    async with turnstile.turn(place):
                        await asyncio.sleep(takes)
                served.append(number)
                return
            except RefusedError as refused:
                await asyncio.sleep(float(refused.headers["Retry-After"]))

    async def play() -> float:
        loop = asyncio.get_running_loop()
        turnstile = Turnstile(at_once, 272, loop.time)
        began = loop.time()
        await asyncio.gather(*(master(turnstile, number) for number in range(masters)))
        return loop.time() - began

    loop = VirtualTimeLoop()
    try:
        seconds = loop.run_until_complete(play())
    finally:
        loop.close()
    # Little slower than the work takes, and nobody asks in vain more often than a few times.
    assert seconds < 1.25 * masters * takes / at_once
    assert len(asked) < 4 * masters
    # In order but for the second to which an appointment is rounded, and the line; a few came to an empty line before others.
    places: dict[int, int] = {number: place for place, number in enumerate(served)}
    late = sorted(abs(places[number] - number) for number in range(masters))
    assert late[len(late) // 2] <= 320 + 256
    assert late[19 * len(late) // 20] <= 4 * (320 + 256)


@pytest.mark.parametrize(
    ("header", "urgency"),
    [("", 3), ("u=0", 0), ("u=5, i", 5), ("i, u=7", 7), ("u=8", 3), ("u=-1", 3), ("u=²", 3), ("x" * 9999, 3)],
)
def test_the_urgency_is_read_from_the_header_and_rubbish_counts_for_none(header: str, urgency: int) -> None:
    assert urgency_of(header) == urgency
