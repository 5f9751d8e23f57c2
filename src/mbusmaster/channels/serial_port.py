"""The virtual serial port (guide 1.3.2, 5.1): through a USB gadget where the machine has one, else a pty on this machine.

8N1 and 8E1 clients both work: a port made of software has no parity. A client's rate is used on the bus for this client, where it
can be seen (on a pty) and is one of M-Bus; else the default rate. Who opens the port after everybody had closed it is a new
client, with a share of its own.
"""

import asyncio
import contextlib
import grp
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mbusio.pseudo_terminal import ClientCame, ClientLeft, PseudoTerminal, Purged, Received
from mbusmaster.bus.client import Client
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.claim import Claim
from mbusmaster.channels.limits import Rarely
from mbusmaster.channels.port_stream import PortTransport
from mbusmaster.channels.session import Session
from mbusmaster.channels.usb_serial import DEVICE, UsbSerialPort
from mbusmaster.errors import BusCrowdedError
from mbusmaster.settings.schema import SerialPortSettings

NAME: Final = "serial port"
RATES: Final = frozenset((300, 2400, 9600, 19200))
"""Of the bus (guide 1.3.2)."""
GROUP: Final = "dialout"
"""Who may use the port, as with any serial port; the master's own group where it does not belong to this one."""
MODE: Final = 0o660

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Visit:
    """One client while it has the port open, and until what it sent is carried out."""

    client: Client
    transport: PortTransport
    session: Session
    task: asyncio.Task[None]
    baud: int | None = None


class SerialPortChannel:
    """Offers the port, and serves one client after the other.

    :ivar problem: why there is no port; empty when there is one.
    """

    def __init__(self, settings: SerialPortSettings, engine: BusEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._rarely = Rarely()
        self._port: PseudoTerminal | UsbSerialPort | None = None
        self._claim = Claim(settings.link)
        self._visit: _Visit | None = None
        self._leaving: _Visit | None = None
        self._serving: asyncio.Task[None] | None = None
        self._visits = 0
        self.problem = ""

    @property
    def where(self) -> str | None:
        """What programs open: the link, or the gadget's device for the computer at the cable; None when there is no port."""
        match self._port:
            case PseudoTerminal():
                return str(self._port.link.absolute())
            case UsbSerialPort():
                return self._port.device
        return None

    @property
    def is_usb(self) -> bool:
        """Whether the port is for the computer at the other end of the USB cable."""
        return isinstance(self._port, UsbSerialPort)

    @property
    def clients(self) -> int:
        """Clients now: one or none."""
        return int(self._visit is not None)

    @property
    def _source(self) -> str:
        return "usb" if self.is_usb else str(self._settings.link)

    async def start(self) -> None:
        """Offer the port; where it cannot be had, say so in the log and in `problem`, and go on without."""
        if (device := self._settings.device or _gadget()) is not None:
            usb = UsbSerialPort(device)
            usb.open()
            self._port = usb
        elif not self._make_terminal():
            return
        self._serving = asyncio.create_task(self._serve())

    async def finish(self, seconds: float) -> None:
        """Let the client have the answer that is on its way; after so long, or when it has it, do as `stop` does."""
        visits = [visit for visit in (self._visit, self._leaving) if visit is not None]
        for visit in visits:
            visit.session.finish()
        if visits:
            await asyncio.wait([visit.task for visit in visits], timeout=seconds)
        await self.stop()

    async def stop(self) -> None:
        """Take the port away and let the client go."""
        tasks = [self._serving] if self._serving else []
        for visit in (self._visit, self._leaving):
            if visit is not None:
                visit.transport.leave()
                tasks.append(visit.task)
        self._serving = self._visit = self._leaving = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._port is not None:
            self._port.close()
            self._port = None
        self._claim.release()

    def _make_terminal(self) -> bool:
        link = self._settings.link
        terminal = PseudoTerminal(link, mode=MODE, group=_group())
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            self._claim.take()
            terminal.open()
        except OSError as error:
            self._claim.release()
            self.problem = (
                f"cannot make {link}: {error.strerror}; choose another name in channels.serial_port.link"
            )
            _log.error("%s: %s; going on without it", NAME, self.problem)
            return False
        self._port = terminal
        _log.info("%s: %s is there for bus %s", NAME, link, self._engine.name)
        return True

    async def _serve(self) -> None:
        assert self._port is not None, "served only while there is a port"
        while True:
            event = await self._port.read()
            match event:
                case ClientCame():
                    self._welcome()
                case Received(data=data, baud=baud) if self._visit is not None:
                    await self._take(self._visit, data, baud)
                case Purged() if self._visit is not None:
                    self._visit.transport.purge()
                case ClientLeft():
                    self._see_off()

    def _welcome(self) -> None:
        assert self._port is not None, "served only while there is a port"
        self._see_off()
        self._visits += 1
        try:
            client = self._engine.client(
                f"{NAME} {self._visits}", tell=self._tell, kind=NAME, source=self._source
            )
        except BusCrowdedError as error:
            self._tell("crowded", f"client refused: {error}")
            return
        transport = PortTransport(self._port, self._port.hang_up)
        # Without an idle end: a program may keep a serial port open for ever.
        session = Session(
            transport.reader, transport.writer, client, tell=self._tell, idle_close=float("inf")
        )
        self._visit = _Visit(client, transport, session, asyncio.create_task(_run(client, session)))

    async def _take(self, visit: _Visit, data: bytes, baud: int | None) -> None:
        if baud != visit.baud:
            visit.baud = baud
            visit.client.use_baud(self._rate(baud))
        await visit.transport.may_read.wait()
        if not visit.transport.is_closing():
            visit.transport.reader.feed_data(data)

    def _rate(self, baud: int | None) -> int:
        if baud is not None and baud in RATES:
            return baud
        default = self._engine.settings.default_baud
        if baud is not None:
            self._tell("rate", f"{baud} baud is no rate of this bus, {default} is used")
        return default

    def _see_off(self) -> None:
        if self._visit is None:
            return
        if self._leaving is not None:
            # One may still wait for the bus, not any number.
            self._leaving.task.cancel()
        self._leaving, self._visit = self._visit, None
        self._leaving.transport.leave()

    def _tell(self, kind: str, text: str) -> None:
        if self._rarely.allows(NAME, kind, asyncio.get_running_loop().time()):
            _log.warning("%s: %s", NAME, text)


async def _run(client: Client, session: Session) -> None:
    with client, contextlib.suppress(asyncio.CancelledError):
        await session.run()


def _gadget() -> str | None:
    return DEVICE if Path(DEVICE).exists() else None


def _group() -> int:
    with contextlib.suppress(KeyError):
        group = grp.getgrnam(GROUP).gr_gid
        if group in os.getgroups() or os.geteuid() == 0:
            return group
    return os.getegid()
