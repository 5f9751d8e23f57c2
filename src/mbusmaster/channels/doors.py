"""All channels of one master together: closed until the gate opens, each told apart in what it says of itself."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from mbusmaster.channels.gate import Gate
from mbusmaster.channels.listener import ChannelError
from mbusmaster.channels.serial_port import SerialPortChannel

FACTORY: Final = "closed until the first user is made"

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
    """

    def __init__(
        self, channels: Iterable[tuple[str, Channel]], serial: SerialPortChannel | None, gate: Gate
    ) -> None:
        self._doors = tuple(_Door(name, channel) for name, channel in channels)
        self._serial = serial
        self._gate = gate
        self.settled = asyncio.Event()

    @property
    def is_any_open(self) -> bool:
        """Whether some client can come in."""
        return any(state.is_open for state in self.states())

    async def run(self) -> None:
        """Keep the channels open until cancelled."""
        try:
            if self._serial is not None:
                await self._serial.start()
            if not self._gate.is_open:
                self.settled.set()
                _log.info("no user was made yet: channels over the network stay closed until then")
            await self._gate.opened()
            for door in self._doors:
                await _open(door)
            self.settled.set()
            await asyncio.Event().wait()
        finally:
            await self._close()

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
