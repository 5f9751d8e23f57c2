"""A release that the head-end wants installed now: asked for, installed in a quiet moment, and reported when it proved well.

The head-end only says when. What is installed is checked here as always; nothing older than what runs is ever taken, and a
release that was taken back is not tried again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mbushosting.contact import Command
from mbushosting.fleet_settings import Willing
from mbusmaster.hosting.errands import Done
from mbusmaster.system.automatic_update import QUIET_SECONDS
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.system.update import (
    Outcome,
    UpdateError,
    UpdateService,
    UpdateState,
    UpdateStatus,
    shown_number,
)

LOOK_SECONDS: Final = 2.0
"""Between two looks at the updater."""
AGAIN_SECONDS: Final = 60.0
"""After which a head-end that could not be asked is asked again."""
ATTEMPTS: Final = 5
BLIND_SECONDS: Final = 60.0
"""For the helper to tell what is installed."""
SWITCHED_OFF: Final = "releases are not installed here when the head-end says so (hosting.allow_updates)"
OWN_SERVER: Final = "this master asks an update server of its own"
NO_QUIET: Final = "there was no quiet moment in time"
NOT_OFFERED: Final = "the head-end does not offer it"


class OrderedUpdate:
    """Updates by order.

    :param is_allowed: whether the owner lets a head-end say when.
    :param is_quiet: whether nobody uses the bus.
    :param now: aware.
    :param look: seconds between two looks, `quiet` without anybody on the bus, `again` after a failed question.
    """

    def __init__(
        self,
        updates: UpdateService,
        *,
        is_allowed: Callable[[], bool],
        is_quiet: Callable[[], bool],
        now: Callable[[], datetime],
        record: Callable[[str], None],
        look: float = LOOK_SECONDS,
        quiet: float = QUIET_SECONDS,
        again: float = AGAIN_SECONDS,
    ) -> None:
        self._updates = updates
        self._is_allowed = is_allowed
        self._is_quiet = is_quiet
        self._now = now
        self._record = record
        self._look = look
        self._quiet = quiet
        self._again = again

    @property
    def willing(self) -> str:
        """Whether orders are followed here."""
        if self._updates.state.status is UpdateStatus.NOT_AVAILABLE:
            return Willing.OFF
        return Willing.ON if self._is_allowed() else Willing.OFF

    async def do(self, command: Command) -> Done:
        """Follow an order to its end, which may come after a restart: then it is given again."""
        if command.update is None:
            return Done("refused", "the order does not say which release")
        release = command.update.release
        for attempt in range(ATTEMPTS):
            settled = await self._settled(release)
            if settled is not None:
                return settled
            refused = self._refused()
            if refused:
                return Done("refused", refused)
            problem = await self._ask(release)
            if not problem:
                break
            if problem == NOT_OFFERED or attempt == ATTEMPTS - 1 or self._is_late(command):
                return Done("refused", problem)
            await asyncio.sleep(self._again)
        if not command.update.at_once and not await self._quiet_came(command):
            return Done("refused", NO_QUIET)
        self._record(f"release {shown_number(release)} is installed by order of the head-end ({command.id})")
        return await self._install(release)

    async def _settled(self, release: int) -> Done | None:
        """Give what became of the release already, when it has proved well or ill; None where it is not here."""
        await self._idle()
        state = self._updates.state
        if _number(state) >= release:
            return Done("done", f"release {_shown(state)} runs")
        last = state.last
        if last is not None and last.outcome is Outcome.ROLLED_BACK and last.release == shown_number(release):
            return Done("failed", f"release {last.release} was taken back: {last.why}")
        return None

    def _refused(self) -> str:
        state = self._updates.state
        if state.status is UpdateStatus.NOT_AVAILABLE:
            return str(state.reason)
        if not self._is_allowed():
            return SWITCHED_OFF
        return "" if state.server.is_head_end else OWN_SERVER

    async def _ask(self, release: int) -> str:
        """Have the head-end asked; give why that came to nothing."""
        if self._updates.state.server.waiting == shown_number(release):
            return ""
        try:
            await self._updates.check()
        except (UpdateError, NotAvailableError) as error:
            return str(error)
        await self._idle()
        server = self._updates.state.server
        if shown_number(release) in (server.waiting, server.last.offers if server.last else ""):
            return ""
        if server.last is not None and server.last.problem.template:
            return str(server.last.problem)
        return NOT_OFFERED

    async def _install(self, release: int) -> Done:
        try:
            await self._updates.install_offered()
        except (UpdateError, NotAvailableError) as error:
            return Done("refused", str(error))
        # The updater wakes up by itself; that it rests at two looks in a row means that it is done.
        await self._idle(looks=2)
        settled = await self._settled(release)
        if settled is not None:
            return settled
        state = self._updates.state
        if state.status is UpdateStatus.FAILED and state.release == shown_number(release):
            return Done("refused", str(state.reason))
        last = state.server.last
        why = str(last.problem) if last is not None and last.problem.template else ""
        return Done("refused", why or "it was not installed: see the log of the master")

    async def _quiet_came(self, command: Command) -> bool:
        """Wait until nobody uses the bus for a while; false where the order lapses before."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        while loop.time() - since < self._quiet:
            await asyncio.sleep(self._look)
            if self._is_late(command):
                return False
            if not self._is_quiet():
                since = loop.time()
        return True

    async def _idle(self, looks: int = 1) -> None:
        """Wait until the updater knows what runs and rests: nothing is on trial, fetched, or installed.

        One that has installed a release ends this program.
        """
        seen, blind = 0, BLIND_SECONDS
        while True:
            state = self._updates.state
            # After a start it takes a moment until the helper has told.
            is_blind = (
                state.installed is None and state.status is not UpdateStatus.NOT_AVAILABLE and blind > 0
            )
            blind -= self._look
            seen = 0 if is_blind or _is_moving(state) else seen + 1
            if seen >= looks:
                return
            await asyncio.sleep(self._look)

    def _is_late(self, command: Command) -> bool:
        return command.expires is not None and self._now() >= command.expires


def _is_moving(state: UpdateState) -> bool:
    return state.is_moving or (state.installed is not None and state.installed.on_trial)


def _shown(state: UpdateState) -> str:
    return state.installed.release if state.installed else ""


def _number(state: UpdateState) -> int:
    shown = _shown(state)
    return int(shown) if shown.isdecimal() else 0
