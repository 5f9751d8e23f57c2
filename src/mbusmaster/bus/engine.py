"""One bus at work: keeps the way to the level converter open, and lets the arbiter use it.

A converter that is pulled out is a state, not an error: requests meet silence until it is back (`mbusio.reconnect`).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from mbus.link.transaction import Garbled
from mbusio.errors import BusIOError
from mbusio.line import Line
from mbusio.reconnect import LONGEST_LOCAL_WAIT, LONGEST_WAIT, Reconnect
from mbusio.transport import Transport, open_transport, parse_url
from mbusmaster.bus.arbiter import Arbiter, Carried
from mbusmaster.bus.client import Client
from mbusmaster.bus.health import Health, HealthJudge
from mbusmaster.bus.monitor import ControlSocketMonitor, LineMonitor, LineMonitorError
from mbusmaster.bus.turns import LeaseTimes, Priority
from mbusmaster.settings import BusSettings, Parity

MONITOR_SECONDS: Final = 5.0
"""Between two looks at the line monitor."""
_PARITY: Final = {Parity.EVEN: "E", Parity.NONE: "N", Parity.ODD: "O"}

_log = logging.getLogger(__name__)


async def open_converter(settings: BusSettings) -> Transport:
    """Open the way to the level converter of a bus; raise `BusIOError`."""
    endpoint = parse_url(settings.url)
    if endpoint.kind in ("serial", "rfc2217"):
        endpoint = replace(endpoint, parity=_PARITY[settings.parity])  # type: ignore[arg-type]
    return await open_transport(endpoint, baud=settings.default_baud)


class BusEngine:
    """One bus.

    :param open_transport: opens the way to the converter.
    :param monitor: of the line; None where there is none.
    :ivar tried: the converter has been opened, or could not be.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        open_transport: Callable[[BusSettings], Awaitable[Transport]] = open_converter,
        monitor: LineMonitor | None = None,
    ) -> None:
        self.settings = settings
        self.arbiter = Arbiter(
            baud=settings.default_baud,
            times=LeaseTimes(settings.hold, settings.lease, settings.lease_limit),
            watch=self._carried,
        )
        self._open = open_transport
        self._monitor = monitor
        if monitor is None and settings.line_monitor:
            self._monitor = ControlSocketMonitor(settings.line_monitor)
        self._judge = HealthJudge()
        self._told: str | None = None
        self.tried = asyncio.Event()

    @property
    def name(self) -> str:
        """Name of the bus in the settings."""
        return self.settings.name

    @property
    def health(self) -> Health:
        """The state of the bus now."""
        return self._judge.health(asyncio.get_running_loop().time(), working=self.arbiter.working)

    def client(
        self,
        name: str,
        priority: Priority = Priority.TRANSPARENT,
        tell: Callable[[str, str], None] | None = None,
    ) -> Client:
        """Let somebody use the bus (`tell` as in `Client`); raise `BusCrowdedError`."""
        writes = self.settings.allow_writes
        return Client(self.arbiter, name, priority=priority, allow_writes=writes, tell=tell)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.arbiter.serve())
                tasks.create_task(self._stay_connected())
                if self._monitor is not None:
                    tasks.create_task(self._look_at_line(self._monitor))
        finally:
            if self._monitor is not None:
                await self._monitor.close()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        is_local = parse_url(self.settings.url).kind == "serial"
        reconnect = Reconnect(
            random.random, loop.time(), longest=LONGEST_LOCAL_WAIT if is_local else LONGEST_WAIT
        )
        while True:
            try:
                transport = await self._open(self.settings)
            except BusIOError as error:
                reason = str(error)
            else:
                reconnect.opened(loop.time())
                reason = await self._use(transport)
            reconnect.failed(reason, loop.time())
            self._judge.disconnected(reason)
            self.tried.set()
            self._tell_once(reason)
            await asyncio.sleep(max(0.0, reconnect.retry_at - loop.time()))
            reconnect.try_again(loop.time())

    async def _use(self, transport: Transport) -> str:
        """Work with an open transport until it is gone; give the reason."""
        line = Line(transport, baud=self.settings.default_baud)
        _log.info("bus %s: %s is open at %d baud", self.name, transport.name, line.baud)
        self._told = None
        self._judge.connected()
        self.arbiter.attach(line)
        self.tried.set()
        try:
            return await line.wait_lost()
        finally:
            self.arbiter.detach()
            await line.close()

    async def _look_at_line(self, monitor: LineMonitor) -> None:
        failed = False
        while True:
            try:
                self._judge.measured(await monitor.read(), asyncio.get_running_loop().time())
                failed = False
            except LineMonitorError as error:
                if not failed:
                    _log.warning("bus %s: the line monitor cannot be read: %s", self.name, error)
                failed = True
            await asyncio.sleep(MONITOR_SECONDS)

    def _carried(self, carried: Carried) -> None:
        self._judge.carried(carried, asyncio.get_running_loop().time())
        if _log.isEnabledFor(logging.DEBUG):
            outcome = carried.outcome
            _log.debug(
                "bus %s: %s: %s -> %s in %.0f ms",
                self.name,
                carried.client if carried.own else f"for {carried.client}",
                carried.request.frame.to_bytes().hex(" ").upper(),
                outcome.why if isinstance(outcome, Garbled) else type(outcome).__name__.lower(),
                carried.seconds * 1000,
            )

    def _tell_once(self, reason: str) -> None:
        if reason != self._told:
            _log.error("bus %s: no level converter: %s; trying again", self.name, reason)
            self._told = reason
