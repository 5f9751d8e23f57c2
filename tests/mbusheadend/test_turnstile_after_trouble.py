"""Appointments that were given while the store was away do not count when it is back."""

import asyncio
from contextlib import ExitStack

from mbusheadend.errors import RefusedError
from mbusheadend.turnstile import Turnstile

HERE = 4
MASTERS = 1000


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def appointment(turnstile: Turnstile, who: str) -> int:
    """Come where all room is taken; give the seconds after which to come again."""
    with ExitStack() as taken:
        for number in range(HERE):
            taken.enter_context(turnstile.let_in(f"here {number}", 3))
        try:
            taken.enter_context(turnstile.let_in(who, 3))
        except RefusedError as refused:
            return int(refused.headers["Retry-After"])
    raise AssertionError("there was room")


async def work(turnstile: Turnstile, clock: Clock, seconds: float) -> None:
    with turnstile.let_in("worker", 3) as place:
        async with turnstile.turn(place):
            clock.now += seconds
            await asyncio.sleep(0)


async def test_who_comes_when_the_work_is_quick_again_does_not_wait_for_hours() -> None:
    clock = Clock()
    turnstile = Turnstile(at_work=2, here=HERE, monotonic=clock)
    for _ in range(100):
        await work(turnstile, clock, 60.0)
    assert max(appointment(turnstile, f"M{number}") for number in range(MASTERS)) == 3600
    for _ in range(200):
        await work(turnstile, clock, 0.01)
    assert appointment(turnstile, "late") < 60
