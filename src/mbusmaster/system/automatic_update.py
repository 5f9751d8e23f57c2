"""All updates of a gateway: those from files, and those from an update server, which is asked once a day (guide 3.1.7).

A release that the server has is fetched, and installed when nobody has used the bus for a while; where somebody always does, it
is installed after some hours all the same.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Final

from mbusmaster.settings.schema import FirmwareSettings
from mbusmaster.system.update import (
    NO_SERVER,
    NOTHING_NEWER,
    UNDER_WAY,
    Outcome,
    ServerCheck,
    ServerState,
    UpdateError,
    UpdateState,
    shown_number,
)
from mbusmaster.system.update_schedule import DAY, daily_wait, first_wait, retry_wait
from mbusmaster.system.update_server import ServerError, UpdateServer
from mbusmaster.system.update_slots import SlotUpdates
from mbusmaster.system.update_source import NOBODY, UpdateSource, source_of
from mbusreleases.description import number_in

QUIET_SECONDS: Final = 120.0
"""Without anybody on the bus before a release is installed by itself."""
LONGEST_WAIT: Final = 20 * 3600.0
"""Seconds that a release waits for that."""
_LOOK_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class _Wish(Enum):
    CHECK = auto()
    INSTALL = auto()


class AutomaticUpdate:
    """Updates of a gateway that has slots.

    :param slots: installs.
    :param server: asks; what it fetches lies on the disk of the spool.
    :param settings: gives those in force.
    :param head_end: gives what is asked where they name no server.
    :param serial_number: of this master: makes the times of its questions its own.
    :param clock: gives the time, aware.
    :param is_quiet: tells whether nobody uses the bus now.
    :param chance: gives a number from 0 to below 1, another one each time.
    """

    def __init__(
        self,
        slots: SlotUpdates,
        server: UpdateServer,
        *,
        settings: Callable[[], FirmwareSettings],
        serial_number: str,
        clock: Callable[[], datetime],
        is_quiet: Callable[[], bool],
        head_end: Callable[[], UpdateSource] = lambda: NOBODY,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._slots = slots
        self._server = server
        self._settings = settings
        self._head_end = head_end
        self._serial_number = serial_number
        self._clock = clock
        self._is_quiet = is_quiet
        self._chance = chance
        self._server_state = ServerState()
        self._fetched: Path | None = None
        self._is_fetched_from_server = True
        self._failures = 0
        self._wish: _Wish | None = None
        self._news = asyncio.Event()

    @property
    def state(self) -> UpdateState:
        """How it stands now, without asking anybody."""
        waiting = shown_number(number_in(self._fetched.name)) if self._fetched else ""
        source = self._source()
        server = replace(self._server_state, url=source.url, is_head_end=source.is_head_end, waiting=waiting)
        return replace(self._slots.state, server=server)

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        """Receive a release file, and begin to check and install it; raise `UpdateError`.

        :param name: of the file, as the browser says it.
        :param size: in bytes, where it is known before.
        """
        await self._slots.install(name, content, size)

    async def check(self) -> None:
        """Begin to ask the update server; raise `UpdateError`."""
        self._want(_Wish.CHECK)

    async def install_offered(self) -> None:
        """Begin to install what the update server offers, now; raise `UpdateError`."""
        last = self._server_state.last
        if self._fetched is None and not (last and last.offers):
            raise UpdateError(NOTHING_NEWER)
        self._want(_Wish.INSTALL)

    def settings_changed(self) -> None:
        """Take over the settings, or another head-end: there may be another one to ask, or none."""
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._slots.run())
            await self._follow_the_server()

    def _source(self) -> UpdateSource:
        return source_of(self._settings(), self._head_end)

    def _want(self, wish: _Wish) -> None:
        if not self._source().url:
            raise UpdateError(NO_SERVER)
        if self._server_state.asking or self._slots.state.is_busy:
            raise UpdateError(UNDER_WAY)
        if wish is _Wish.CHECK and self._fetched is not None:
            return
        self._wish = wish
        self._server_state = replace(self._server_state, asking=self._fetched is None)
        self._news.set()

    async def _follow_the_server(self) -> None:
        loop = asyncio.get_running_loop()
        settings, source = self._settings(), self._source()
        due = loop.time() + first_wait(self._serial_number, self._chance())
        while True:
            wish = await self._next(due - loop.time())
            before, settings = settings, self._settings()
            source_before, source = source, self._source()
            if settings != before or source.url != source_before.url:
                due = loop.time()
                if source.url != source_before.url:
                    self._server_state, self._fetched = ServerState(), None
            is_due = loop.time() >= due
            if is_due:
                due = loop.time() + DAY
            if not source.url:
                continue
            if wish is _Wish.INSTALL and self._fetched is not None:
                await self._install(self._fetched)
            elif wish or (is_due and settings.automatic):
                await self._ask(source, fetch=settings.automatic, now=wish is _Wish.INSTALL)
                due = loop.time() + self._wait()
                if self._fetched is not None and await self._may_install(wish):
                    await self._install(self._fetched)

    async def _next(self, wait: float) -> _Wish | None:
        """Wait for what somebody wants, for other settings, or for the next question."""
        try:
            async with asyncio.timeout(max(0.0, wait)):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        wish, self._wish = self._wish, None
        return wish

    def _wait(self) -> float:
        daily = daily_wait(self._clock(), self._serial_number, self._chance())
        return min(daily, retry_wait(self._failures, self._chance())) if self._failures else daily

    async def _ask(self, source: UpdateSource, *, fetch: bool, now: bool) -> None:
        """Ask the server, and fetch what it has if that is to be installed."""
        self._server_state = replace(self._server_state, asking=True)
        self._fetched = None
        try:
            offered = await self._server.ask(
                source,
                installed=self._slots.installed if now else max(self._slots.installed, self._taken_back()),
                fetch=fetch or now,
                told=self._told,
            )
        except ServerError as error:
            self._failures += 1
            _log.warning("the update server: %s", error)
            check = ServerCheck(self._clock(), reached=False, problem=error.text)
        else:
            self._failures = 0
            newer = shown_number(offered.release) if offered.release > self._slots.installed else ""
            check = ServerCheck(self._clock(), reached=True, offers=newer)
            self._fetched = self._server.folder / offered.file if offered.file else None
            self._is_fetched_from_server = not source.is_head_end
        self._server_state = ServerState(last=check)

    def _taken_back(self) -> int:
        """Give the number of the release that was taken back: it is not installed again by itself; 0 for none."""
        last = self._slots.state.last
        return int(last.release) if last and last.outcome is Outcome.ROLLED_BACK and last.release else 0

    def _told(self, release: str, percent: int) -> None:
        shown = shown_number(int(release)) if release.isdecimal() else ""
        self._server_state = replace(self._server_state, fetching=shown, progress=percent)

    async def _may_install(self, wish: _Wish | None) -> bool:
        """Wait until nobody uses the bus, or somebody wants it now; false where it is not wanted any more."""
        if wish is _Wish.INSTALL:
            return True
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_WAIT
        quiet_since = loop.time()
        while loop.time() < end and loop.time() - quiet_since < QUIET_SECONDS:
            wish = await self._next(_LOOK_SECONDS)
            if wish is _Wish.INSTALL:
                return True
            if not (self._settings().automatic and self._source().url):
                return False
            if not self._is_quiet() or self._slots.state.is_busy:
                quiet_since = loop.time()
        return True

    async def _install(self, fetched: Path) -> None:
        self._fetched = None
        try:
            await self._slots.install_fetched(fetched, from_server=self._is_fetched_from_server)
        except UpdateError as error:
            _log.warning("release %s was not installed: %s", fetched.name, error)
