"""The time as a whole: the time server, what is known across restarts, and so how far the clock can be believed."""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mbusmaster.system import time_texts as texts
from mbusmaster.system.clock import (
    ClockBelief,
    ClockChange,
    ClockQuality,
    TimeState,
    TimeStatus,
)
from mbusmaster.system.time_config import RTC
from mbusmaster.system.time_memory import SAVE_SECONDS, TimeMemory
from mbusmaster.system.time_server import ChronyTime
from mbusweb.texts import NO_TEXT, Text

LONGEST_FREE: Final = timedelta(days=90)
"""A clock of 50 ppm is wrong by six and a half minutes then."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR: Final = 5
"""Of adjtimex(2): the clock is not synchronised."""


class TimeKeeper:
    """Looks after the clock, and tells how far it can be believed.

    :param memory: as it was read before the time floor was held.
    :param doubt: what `time_floor.hold_floor` found doubtful.
    :param has_battery: the machine has a clock that goes on while it is off.
    :param system_keeps: tells whether the operating system keeps its clock right in its own way.
    :param boot: names this start of the machine.
    """

    def __init__(
        self,
        memory: TimeMemory,
        *,
        now: Callable[[], datetime],
        doubt: Text = NO_TEXT,
        has_battery: bool | None = None,
        system_keeps: Callable[[], bool] | None = None,
        boot: str | None = None,
    ) -> None:
        self._memory = memory
        self._now = now
        self._doubt = doubt
        self._has_battery = RTC.exists() if has_battery is None else has_battery
        self._system_keeps = system_keeps or is_kept_by_system
        self._boot = boot_id() if boot is None else boot
        self._server: ChronyTime | None = None
        self._state = TimeState(TimeStatus.UNSYNCHRONISED)
        self._news = asyncio.Event()

    def watch(self, server: ChronyTime) -> None:
        """Take a time server, made with `heard` as its `told`."""
        self._server = server
        self._state = server.state

    @property
    def is_clock_known(self) -> bool:
        """The clock was good enough at the start to check the dates of certificates."""
        return self._has_battery and not self._doubt

    @property
    def state(self) -> TimeState:
        """How the clock stands to the time server."""
        return self._state

    @property
    def belief(self) -> ClockBelief:
        """How far the clock can be believed."""
        if self._state.status is TimeStatus.AUTHENTICATED:
            return ClockBelief(ClockQuality.SYNCHRONISED, self._memory.known.synchronised)
        if self._doubt:
            return ClockBelief(ClockQuality.DOUBTFUL, self._memory.known.right, self._doubt)
        return self._belief_in_memory()

    def heard(self, state: TimeState) -> None:
        """Take what the time server was found to be."""
        is_news = state.status is not self._state.status
        self._state = state
        if state.status is TimeStatus.AUTHENTICATED:
            self._doubt = NO_TEXT
            now = self._now().replace(microsecond=0)
            # The server has taken back a clock that somebody had put ahead.
            at = self._memory.known.set
            self._memory.change(synchronised=now, set=at if at and at <= now else None, boot=self._boot)
            if is_news:
                self._news.set()

    def was_set(self, change: ClockChange) -> None:
        """Take that somebody has set the clock."""
        self._doubt = NO_TEXT
        at = change.becomes.replace(microsecond=0)
        # A clock that was ahead has left moments behind that are yet to come.
        synchronised = self._memory.known.synchronised
        self._memory.change(
            set=at, boot=self._boot, synchronised=synchronised if synchronised and synchronised < at else None
        )
        if self._server is not None:
            self._server.clock_was_set()
        self._news.set()

    async def run(self) -> None:
        """Keep what is known, hourly, at news and at the end, until cancelled."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SAVE_SECONDS):
                        await self._news.wait()
                self._news.clear()
                self._memory.change(time=self._now())
                await asyncio.to_thread(self._memory.save)
        finally:
            self._memory.change(time=self._now())
            self._memory.save()

    def _belief_in_memory(self) -> ClockBelief:
        known = self._memory.known
        right = known.right
        is_lost = right is not None and not self._has_battery and known.boot != self._boot
        if (right is None or is_lost) and self._system_keeps():
            return ClockBelief(ClockQuality.SYSTEM, right)
        if right is None:
            return ClockBelief(ClockQuality.DOUBTFUL, reason=Text(texts.NEVER_SET))
        if is_lost:
            return ClockBelief(ClockQuality.DOUBTFUL, right, Text(texts.NO_BATTERY))
        if not timedelta(0) <= self._now() - right + timedelta(minutes=1) <= LONGEST_FREE:
            return ClockBelief(
                ClockQuality.DOUBTFUL, right, Text(texts.LONG_AGO, {"since": f"{right:%Y-%m-%d}"})
            )
        quality = ClockQuality.SET if right == known.set else ClockQuality.FREE_RUNNING
        return ClockBelief(quality, right)


def boot_id() -> str:
    """Name this start of the machine; empty where the system does not."""
    try:
        return _BOOT_ID.read_text("ascii").strip()[:64]
    except (OSError, ValueError):
        return ""


def is_kept_by_system() -> bool:
    """Tell whether the kernel says that somebody keeps its clock right (adjtimex(2))."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None or os.name != "posix":
        return False
    # struct timex is smaller; its first field says that nothing is to be changed.
    status: int = adjtimex(ctypes.create_string_buffer(512))
    return status not in (-1, _TIME_ERROR)
