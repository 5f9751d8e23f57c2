"""`mbussim serve`: the only place that wires bus, converter, ports and control socket."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mbussim.faults import Fault
from mbussim.installation import Installation
from mbussim.meter import Meter
from mbussim.replay import LeftOut
from mbussim.serving.control import Control, ControlSocket, describe
from mbussim.serving.converter import Converter
from mbussim.serving.pseudo_terminal import SerialPort
from mbussim.serving.tcp import TcpPort


@dataclass(frozen=True, slots=True)
class Serving:
    """What is to be offered.

    :ivar tcp: host and port, port 0 is any free one; None for no TCP.
    :ivar pty: where the link to the pty shall lie; None for no pty.
    :ivar control: ``HOST:PORT`` of loopback or a path.
    :ivar baud: rate of the bus for TCP clients.
    :ivar fast: do not wait for the wire.
    :ivar faults: in effect from the beginning.
    """

    tcp: tuple[str, int] | None
    pty: Path | None
    control: str
    baud: int = 2400
    fast: bool = False
    faults: Sequence[Fault] = ()


class Server:
    """A bus behind its ports, from `open` to `close`."""

    def __init__(
        self,
        serving: Serving,
        installation: Installation,
        make: Callable[[str, int | None, str | None], Meter],
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        self._installation = installation
        self._left_out = left_out
        self._converter = Converter(installation.bus, asyncio.get_running_loop().time, fast=serving.fast)
        self._tcp = TcpPort(self._converter, *serving.tcp, serving.baud) if serving.tcp else None
        self._pty = SerialPort(self._converter, serving.pty, serving.baud) if serving.pty else None
        control = Control(installation, lambda: self._converter.now, make, self._follow)
        self._control = ControlSocket(control, serving.control)
        self._plugged = False
        self._faults = serving.faults
        self._talk: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open everything; raise `OSError` when an address or a link cannot be had."""
        await self._plug()
        await self._control.open()
        for fault in self._faults:
            self._installation.add_fault(fault)
        await self._follow()
        self._talk = asyncio.create_task(self._converter.run())

    async def close(self) -> None:
        """Close everything and take links and sockets away."""
        if self._talk is not None:
            self._talk.cancel()
        await self._control.close()
        await self._unplug()

    def offer(self) -> dict[str, object]:
        """Describe what is there, as the JSON line of `mbussim serve`."""
        offer: dict[str, object] = {}
        if self._tcp is not None:
            offer["tcp"] = self._tcp.address
        if self._pty is not None:
            offer["pty"] = str(self._pty.link.absolute())
        return offer | {
            "control": self._control.where,
            "meters": [describe(meter) for meter in self._installation.bus.meters],
            "left_out": [{"name": one.name, "reason": one.reason} for one in self._left_out],
        }

    async def _follow(self) -> None:
        if self._installation.is_unplugged:
            await self._unplug()
        else:
            await self._plug()

    async def _plug(self) -> None:
        if not self._plugged:
            self._plugged = True
            for port in (self._tcp, self._pty):
                if port is not None:
                    await port.open()

    async def _unplug(self) -> None:
        if self._plugged:
            self._plugged = False
            for port in (self._tcp, self._pty):
                if port is not None:
                    await port.close()


async def serve(
    serving: Serving,
    installation: Installation,
    make: Callable[[str, int | None, str | None], Meter],
    left_out: Sequence[LeftOut] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; print one line of JSON when everything is there."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = Server(serving, installation, make, left_out)
    try:
        await server.open()
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(json.dumps(server.offer()) + "\n")
            sys.stdout.flush()
        await stop.wait()
    finally:
        await server.close()
