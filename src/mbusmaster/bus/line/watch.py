"""Looks at the line, lets the guard decide, switches the supply, and tells what is seen."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from mbusmaster.bus.line.guard import Guard, Limits, Phase
from mbusmaster.bus.line.idle import IdleCurrent, unit_loads
from mbusmaster.bus.line.reading import LineMonitorError, LineReading, Sample
from mbusmaster.bus.line.sources import LineSource
from mbusmaster.settings import LineSettings

LOOK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 0.25
"""After a sample that looks bad."""
QUIET_SECONDS: Final = 0.5
"""After a transaction, until the idle current is learnt again: late answers have ended by then."""
ACTIVE: Final = 7.0
"""mA over the idle current at which somebody sends: the threshold of a bit (MBUS.md 1.1)."""
SWITCHED_ON: Final = "the bus is being switched on"

_log = logging.getLogger(__name__)


def limits_of(settings: LineSettings) -> Limits:
    """Give what the guard needs to know."""
    return Limits(settings.warn_at, settings.shut_down_at, settings.temperature_limit, settings.back_after)


class LineWatch:
    """The watch over one line; construct it in the event loop.

    :param name: of the bus, for the log.
    :param changed: called after every look; `carries` and `reading` may be others then.
    :ivar reading: of the last look; None where it saw nothing.
    """

    def __init__(
        self, source: LineSource, settings: LineSettings, *, name: str, changed: Callable[[], None]
    ) -> None:
        self.reading: LineReading | None = None
        self._source = source
        self._limits = limits_of(settings)
        self._collision_above = settings.collision_above
        self._name = name
        self._changed = changed
        self._now = asyncio.get_running_loop().time
        self._guard = Guard(self._limits, has_switch=source.has_switch, now=self._now())
        self._idle = IdleCurrent()
        self._feeds: bool | None = None
        self._told_feed = False
        self._asked = 0
        self._asked_until = float("-inf")
        self._failed = False
        self._wake = asyncio.Event()

    @property
    def carries(self) -> bool:
        """Whether requests may go out."""
        return self._guard.carries

    @property
    def why(self) -> str:
        """Why not."""
        trouble = self._guard.trouble
        return SWITCHED_ON if trouble is None else f"the bus is shut down: {trouble}"

    @property
    def idle(self) -> float | None:
        """The idle current in mA; None while it is not known."""
        return self._idle.milliamperes

    @property
    def collision_above(self) -> float:
        """Current over the idle current, in mA, that only several senders draw."""
        return self._collision_above

    @property
    def judges(self) -> bool:
        """Whether the current can be followed during an answer."""
        return self._source.is_quick and self.idle is not None

    async def current(self) -> float:
        """Read the current alone; raise `LineMonitorError`."""
        return await self._source.current()

    def asks(self) -> None:
        """A transaction begins."""
        self._asked += 1

    def asked(self) -> None:
        """It is over."""
        self._asked -= 1
        self._asked_until = self._now()

    def reopened(self) -> None:
        """The serial port was opened anew, which raises its outputs: the supply is switched again at once."""
        self._feeds = None
        self._wake.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._wake.clear()
            await self._feed()
            await self._look()
            await self._feed()
            self._changed()
            try:
                async with asyncio.timeout(AGAIN_SECONDS if self._guard.suspects else LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Let go of the source."""
        await self._source.close()

    async def _look(self) -> None:
        guard, was = self._guard, self._guard.phase
        began, quiet = self._now(), not self._asked
        sample: Sample | None = None
        try:
            sample = await self._source.read()
            self._failed = False
        except LineMonitorError as error:
            if not self._failed:
                _log.warning("bus %s: the line monitor cannot be read: %s", self._name, error)
            self._failed = True
        now = self._now()
        quiet = quiet and not self._asked and self._asked_until < began
        if sample is None:
            guard.blind(now)
        else:
            guard.seen(sample, now, quiet=quiet)
            self._learn(sample, quiet and began - self._asked_until >= QUIET_SECONDS)
        is_known = sample is not None or not guard.carries
        self.reading = self._reading_of(sample or Sample(), now) if is_known else None
        if guard.phase is not was:
            self._tell(was)

    def _learn(self, sample: Sample, quiet: bool) -> None:
        if self._guard.phase is not Phase.ON:
            self._idle.forget()
        elif sample.idle is not None:
            self._idle.told(sample.idle)
        elif quiet and sample.current is not None:
            self._idle.quiet(sample.current)

    def _reading_of(self, sample: Sample, now: float) -> LineReading:
        guard, idle = self._guard, self.idle
        base = sample.current if idle is None else idle
        condition = "idle"
        if guard.trouble is not None:
            condition = str(guard.trouble)
        elif guard.warns:
            condition = "warning"
        elif idle is not None and sample.current is not None and sample.current > idle + ACTIVE:
            condition = "active"
        return LineReading(
            sample.current,
            None if base is None else 100 * base / self._limits.warn_at,
            sample.temperature,
            guard.trouble is not None,
            condition,
            idle,
            None if idle is None else unit_loads(idle),
            guard.trips,
            max(0.0, guard.back_at - now) if guard.phase is Phase.SHUT else None,
        )

    async def _feed(self) -> None:
        feeds = self._guard.feeds
        if not self._source.has_switch or self._feeds is feeds:
            return
        try:
            await self._source.feed(feeds)
        except LineMonitorError as error:
            if not self._told_feed:
                _log.error("bus %s: its supply cannot be switched: %s", self._name, error)
            self._told_feed = True
            return
        self._feeds, self._told_feed = feeds, False

    def _tell(self, was: Phase) -> None:
        guard = self._guard
        if guard.phase is Phase.SHUT:
            wait = guard.back_at - self._now()
            _log.error(
                "bus %s is shut down: %s; it is tried again in %.0f s", self._name, guard.trouble, wait
            )
        elif guard.phase is Phase.ON and guard.trips and was is not Phase.ON:
            _log.warning("bus %s is back", self._name)
