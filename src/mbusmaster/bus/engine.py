"""One bus at work: keeps the way to the level converter open, and lets the arbiter use it.

A converter that is pulled out is a state, not an error: requests meet silence until it is back (`mbusio.reconnect`).
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from mbus.link.transaction import Garbled
from mbusio.errors import BusIOError
from mbusio.line import Line
from mbusio.reconnect import LONGEST_LOCAL_WAIT, LONGEST_WAIT, Reconnect
from mbusio.transport import Transport, open_transport, parse_url
from mbusmaster.bus.arbiter import Arbiter, BusLine
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.client import Client
from mbusmaster.bus.health import ACTIVE_SECONDS, BusState, Health, HealthJudge
from mbusmaster.bus.line.collisions import WatchedLine
from mbusmaster.bus.line.places import ModemPort
from mbusmaster.bus.line.sources import LineSource, Sensors
from mbusmaster.bus.line.watch import LineWatch
from mbusmaster.bus.listeners import Listeners
from mbusmaster.bus.meters import Meters
from mbusmaster.bus.stations import StationBook
from mbusmaster.bus.traffic import Traffic
from mbusmaster.bus.turns import TIMER_SLACK, LeaseTimes, Priority
from mbusmaster.bus.users import BusUsers
from mbusmaster.bus.writes import WriteReports, WriteSeen
from mbusmaster.settings import BusSettings, Parity

TIDY_SECONDS: Final = 5.0
"""The end waits no longer for meters that are switched back."""
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
    :param source: of what is known of the line; None takes what the settings name.
    :param clock: gives the time, UTC.
    :ivar tried: the converter has been opened, or could not be.
    :ivar traffic: what was on the bus, for those who look.
    :ivar meters: counters of each meter.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        open_transport: Callable[[BusSettings], Awaitable[Transport]] = open_converter,
        source: LineSource | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.traffic = Traffic()
        self.meters = Meters()
        self.arbiter = Arbiter(
            baud=settings.default_baud,
            times=LeaseTimes(settings.hold, settings.lease, settings.lease_limit),
            rates=(settings.min_baud, settings.max_baud),
            watch=self._carried,
            changed=self._review,
        )
        self._clock = clock
        self._stations = StationBook()
        self._watchers: Listeners[Carried] = Listeners()
        self._write_listeners: Listeners[WriteSeen] = Listeners()
        self._writes = WriteReports(self._write_listeners.tell)
        self._health_listeners: Listeners[Health] = Listeners()
        self._last_health: Health | None = None
        self._health_timer: asyncio.TimerHandle | None = None
        self._open = open_transport
        self._modem = ModemPort()
        if source is None and settings.line.has_source:
            source = Sensors(settings.line, self._modem)
        self._source = source
        self._watch: LineWatch | None = None
        self._line: BusLine | None = None
        self._switches_baud = True
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
        now = asyncio.get_running_loop().time()
        return self._judge.health(now, working=self.arbiter.working, warnings=self.arbiter.problems)

    def users(self) -> BusUsers:
        """Tell who holds the bus now, who waits, and who is connected."""
        return self.arbiter.users()

    def on_carried(self, listener: Callable[[Carried], None]) -> Callable[[], None]:
        """Let somebody be told every transaction; give what ends it."""
        return self._watchers.add(listener)

    def on_write(self, listener: Callable[[WriteSeen], None]) -> Callable[[], None]:
        """Let somebody be told every write service that clients ask for; give what ends it."""
        return self._write_listeners.add(listener)

    def on_health(self, listener: Callable[[Health], None]) -> Callable[[], None]:
        """Let somebody be told whenever `health` has changed; give what ends it."""
        self._last_health = self.health
        return self._health_listeners.add(listener)

    def client(
        self,
        name: str,
        priority: Priority = Priority.TRANSPARENT,
        tell: Callable[[str, str], None] | None = None,
        *,
        kind: str = "",
        source: str = "",
    ) -> Client:
        """Let somebody use the bus (parameters as in `Client`); raise `BusCrowdedError`."""
        return Client(
            self.arbiter,
            name,
            priority=priority,
            kind=kind,
            source=source,
            allow_writes=self.settings.allow_writes,
            allow_baud_switch=self.settings.allow_baud_switch,
            tell=tell,
            report=self._writes,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        if self._source is not None:
            self._watch = LineWatch(self._source, self.settings.line, name=self.name, changed=self._line_seen)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.arbiter.serve())
                tasks.create_task(self._stay_connected())
                if self._watch is not None:
                    tasks.create_task(self._watch.run())
        finally:
            if self._health_timer is not None:
                self._health_timer.cancel()
            if self._source is not None:
                await self._source.close()

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
            self._review()
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
        self._modem.transport, self._switches_baud = transport, transport.switches_baud
        self._line = line if self._watch is None else WatchedLine(line, self._watch)
        if self._watch is not None:
            self._watch.reopened()
        self._use_line_or_not()
        self._review()
        self.tried.set()
        try:
            return await line.wait_lost()
        except asyncio.CancelledError:
            await self._tidy_up()
            raise
        finally:
            self._modem.transport = self._line = None
            self.arbiter.detach()
            await line.close()

    async def _tidy_up(self) -> None:
        """Leave no meter at a rate at which nobody will look for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIDY_SECONDS):
                await self.arbiter.switch_back_all()

    def _line_seen(self) -> None:
        """The watch has looked at the line."""
        assert self._watch is not None
        if self._watch.reading is not None:
            self._judge.measured(self._watch.reading, asyncio.get_running_loop().time())
        self._use_line_or_not()
        self._review()

    def _use_line_or_not(self) -> None:
        """Let the arbiter use an open line, but not while the bus is shut down."""
        if self._line is None:
            return
        if self._watch is not None and not self._watch.carries:
            self.arbiter.detach(self._watch.why)
        elif not self.arbiter.is_attached:
            self.arbiter.attach(self._line, switches_baud=self._switches_baud)

    def _carried(self, carried: Carried) -> None:
        self._judge.carried(carried, asyncio.get_running_loop().time())
        at, station = self._clock(), self._stations.station_of(carried)
        self.traffic.carried(carried, station, at)
        self.meters.carried(carried, station, at)
        self._watchers.tell(carried)
        self._review()
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

    def _review(self) -> None:
        """Tell who wants to know when the state of the bus has changed; activity ends by time alone."""
        if not self._health_listeners:
            return
        health = self.health
        if health != self._last_health:
            self._last_health = health
            self._health_listeners.tell(health)
        if health.state is BusState.ACTIVE and self._health_timer is None:
            loop = asyncio.get_running_loop()
            self._health_timer = loop.call_later(ACTIVE_SECONDS + TIMER_SLACK, self._review_later)

    def _review_later(self) -> None:
        self._health_timer = None
        self._review()

    def _tell_once(self, reason: str) -> None:
        if reason != self._told:
            _log.error("bus %s: no level converter: %s; trying again", self.name, reason)
            self._told = reason
