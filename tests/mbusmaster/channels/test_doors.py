import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mbusmaster.channels.doors import FACTORY, Doors
from mbusmaster.channels.listener import ChannelError


class Recorded:
    """A channel that notes what is done to it."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.endpoints: tuple[tuple[str, int], ...] = ()
        self.clients = 0
        self.started = asyncio.Event()

    async def start(self) -> None:
        if self.refuses:
            raise ChannelError(self.refuses)
        self.endpoints = (("::1", 1445),)
        self.started.set()

    async def stop(self) -> None:
        self.endpoints = ()

    async def finish(self, seconds: float) -> None:
        await self.stop()


@asynccontextmanager
async def at_work(doors: Doors) -> AsyncIterator[None]:
    task = asyncio.create_task(doors.run())
    try:
        await doors.settled.wait()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_channels_open_where_somebody_has_taken_the_master_into_use() -> None:
    channel = Recorded()
    doors = Doors([("secured_tcp", channel)], None, lambda: True)
    async with at_work(doors):
        (state,) = doors.states()
        assert (state.is_open, state.endpoints, state.reason) == (True, ("[::1]:1445",), "")
    assert not doors.is_any_open


async def test_in_the_factory_state_they_are_closed_and_say_why_until_a_user_is_made() -> None:
    channel, users = Recorded(), list[str]()
    doors = Doors([("secured_tcp", channel)], None, lambda: bool(users))
    async with at_work(doors):
        doors.look()
        assert [(state.is_open, state.reason) for state in doors.states()] == [(False, FACTORY)]
        users.append("anna")
        doors.look()
        await channel.started.wait()
        users.clear()
        doors.look()
        assert doors.is_any_open


async def test_a_channel_that_cannot_listen_says_why_and_the_others_open() -> None:
    bad, good = Recorded("port 2445 is in use"), Recorded()
    doors = Doors([("plain_tcp", bad), ("secured_tcp", good)], None, lambda: True)
    async with at_work(doors):
        assert [(state.is_open, state.reason) for state in doors.states()] == [
            (False, "port 2445 is in use"),
            (True, ""),
        ]
