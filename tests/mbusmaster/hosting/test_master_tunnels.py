"""What a master keeps to while it dials for tunnels, whatever its head-end does meanwhile."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from mbushosting.contact import Command, CommandKind
from mbushosting.tunnel import TunnelOrder
from mbusmaster.hosting.link_errors import HeadEndError
from mbusmaster.hosting.tunnels import MOST, SWITCHED_OFF, Tunnels, Way
from mbusmaster.settings.sections.system import HostingSettings
from mbusweb.texts import Text


class Dialled:
    """A connection to a head-end that says nothing."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class Buses:
    """Buses of which none is used."""

    def bus(self, name: str) -> str:
        return name or "main"

    async def serve(self, *_: Any) -> None:
        raise AssertionError("nobody gets to a bus here")


class Master:
    """Tunnels of a master whose head-end takes its time to answer."""

    def __init__(self) -> None:
        self.settings = HostingSettings(allow_tunnel=True)
        self.dialling = 0
        self.answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.said: list[str] = []
        way = Way(
            self._dial,
            Buses(),
            lambda: self.settings,
            lambda what, where: self.said.append(what),
            lambda: datetime(2026, 11, 23, tzinfo=UTC),
        )
        self.tunnels = Tunnels(way)

    async def _dial(self, id: str) -> Any:
        self.dialling += 1
        return await asyncio.shield(self.answered)


def order(number: int) -> Command:
    return Command(id=f"t{number}", kind=CommandKind.TUNNEL, tunnel=TunnelOrder(seconds=60, idle_seconds=60))


async def test_what_was_switched_off_while_it_dialled_does_not_open() -> None:
    master, dialled = Master(), Dialled()
    doing = asyncio.create_task(master.tunnels.do(order(1)))
    await asyncio.sleep(0)
    master.settings = HostingSettings(allow_tunnel=False)
    master.tunnels.review()
    master.answered.set_result(dialled)
    done = await doing
    assert (done.outcome, done.detail) == ("refused", SWITCHED_OFF)
    assert dialled.is_closed
    assert not master.said


async def test_no_more_are_dialled_at_once_than_may_be_open() -> None:
    master = Master()
    doing = [asyncio.create_task(master.tunnels.do(order(number))) for number in range(MOST + 3)]
    await asyncio.sleep(0)
    assert master.dialling == MOST
    master.answered.set_exception(HeadEndError(Text("it is away")))
    outcomes = [(await one).outcome for one in doing]
    assert outcomes == ["failed"] * MOST + ["refused"] * 3
