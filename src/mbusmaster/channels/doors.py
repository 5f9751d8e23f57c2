"""All channels of one master together.

In the factory state anybody at the setup interface can log in, so nothing is open over the network (DESIGN 5.7). Once a first
user was made, channels open, and stay open for good: a later reset of the users leaves what was set up running.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from mbusmaster.channels.listener import ChannelError
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusweb.texts import mark

FACTORY: Final = mark("closed until the first user is made")

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """What listens on the network for clients of a bus."""

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports that it listens at."""

    @property
    def clients(self) -> int:
        """Clients now."""

    async def start(self) -> None:
        """Begin to listen; raise `ChannelError`."""

    async def stop(self) -> None:
        """Stop listening and let every client go."""

    async def finish(self, seconds: float) -> None:
        """Do as `stop`, but let each client have the answer that is on its way first, for so long."""


class ClosedChannel:
    """A channel that cannot be opened, in the place of the real one.

    :param reason: why not, and what to do.
    """

    endpoints = ()
    clients = 0

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def start(self) -> None:
        """Raise `ChannelError` with the reason."""
        raise ChannelError(self._reason)

    async def stop(self) -> None:
        """Do nothing."""

    async def finish(self, seconds: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How one channel is.

    :ivar name: as in the settings: secured_tcp, plain_tcp, rfc2217, serial_port.
    :ivar endpoints: where it can be reached: address and port, or name of the serial port.
    :ivar clients: how many are connected.
    :ivar reason: why it is not open, though it is switched on; empty where it is open.
    """

    name: str
    is_open: bool
    endpoints: tuple[str, ...] = ()
    clients: int = 0
    reason: str = ""


@dataclass(slots=True)
class _Door:
    name: str
    channel: Channel
    reason: str = FACTORY


class Doors:
    """Opens the channels that are switched on, and says how they are.

    :param serial: is open in the factory state too: who holds the USB cable is at the machine.
    :param may_open: whether channels over the network may be open; `look` asks again.
    :ivar settled: what may be open at the start is, or could not be.
    :ivar opened: the same of what may be open once the master is in use.
    """

    def __init__(
        self,
        channels: Iterable[tuple[str, Channel]],
        serial: SerialPortChannel | None,
        may_open: Callable[[], bool],
    ) -> None:
        self._doors = tuple(_Door(name, channel) for name, channel in channels)
        self._serial = serial
        self._may_open = may_open
        self._opens = asyncio.Event()
        self._is_over = False
        self.settled = asyncio.Event()
        self.opened = asyncio.Event()

    @property
    def is_any_open(self) -> bool:
        """Whether some client can come in."""
        return any(state.is_open for state in self.states())

    async def run(self) -> None:
        """Keep the channels open until cancelled."""
        try:
            if self._serial is not None:
                await self._serial.start()
            self.look()
            if not self._opens.is_set():
                self.settled.set()
                _log.info("no user was made yet: channels over the network stay closed until then")
            await self._opens.wait()
            for door in self._doors:
                if not self._is_over:
                    await _open(door)
            self.settled.set()
            self.opened.set()
            await asyncio.Event().wait()
        finally:
            await self._close()

    @property
    def endpoints(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Where each channel listens on the network, by its name in the settings."""
        return {door.name: door.channel.endpoints for door in self._doors}

    def look(self) -> None:
        """See whether channels may open by now; call it whenever users have changed."""
        if self._may_open():
            self._opens.set()

    def states(self) -> tuple[ChannelState, ...]:
        """Say how each channel is that is switched on."""
        states = [
            ChannelState(
                door.name,
                bool(door.channel.endpoints),
                tuple(f"{_bracketed(host)}:{port}" for host, port in door.channel.endpoints),
                door.channel.clients,
                door.reason,
            )
            for door in self._doors
        ]
        if (serial := self._serial) is not None:
            where = (serial.where,) if serial.where else ()
            states.append(ChannelState("serial_port", bool(where), where, serial.clients, serial.problem))
        return tuple(states)

    async def finish(self, seconds: float) -> None:
        """Close all channels for good; each client gets the answer that is on its way, and then a goodbye, within so long."""
        self._is_over = True
        steps = [door.channel.finish(seconds) for door in self._doors]
        if self._serial is not None:
            steps.append(self._serial.finish(seconds))
        await asyncio.gather(*steps)

    async def _close(self) -> None:
        for door in self._doors:
            await door.channel.stop()
        if self._serial is not None:
            await self._serial.stop()


async def _open(door: _Door) -> None:
    try:
        await door.channel.start()
        door.reason = ""
    except ChannelError as error:
        door.reason = str(error)
        _log.error("%s", error)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
