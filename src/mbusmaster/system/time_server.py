"""Keeps the clock right over NTS: hands chronyd the server of the settings, watches it, and says how it stands.

Whatever goes wrong, no time is taken that is not authenticated: the source is always ``nts``, and chronyd's configuration
requires it. Where chronyd gets no keys, the server is asked for some here too, now and then, to say why (`time_probe`); once it
hands out keys, chronyd begins afresh, for by itself it waits longer after each failure, up to days.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mbusmaster.settings.sections.system import TimeSettings, TimeSource
from mbusmaster.system import time_texts as texts
from mbusmaster.system.chronyd import Chronyd, ChronydError, Facts
from mbusmaster.system.clock import TimeState, TimeStatus
from mbusmaster.system.time_probe import PORT, probe
from mbusweb.texts import NO_TEXT, Text

OPTIONS: Final = "iburst maxpoll 8"
"""Of the source: a server that is gone is noticed within a quarter of an hour."""
NTP_PORT: Final = 123
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:\-]*[A-Za-z0-9])?")
_LAST_THREE: Final = 0b111
_NOT_THERE: Final = (texts.NO_NAME, texts.NO_ROUTE, texts.NOBODY, texts.CLOSED)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often who is asked, in seconds.

    :ivar quick: between two questions to chronyd in the first `quick_for` seconds after a change; later `idle`.
    :ivar grace: for chronyd after a change, before somebody looks for what is wrong.
    :ivar probe: between two questions to a server that does not serve; in the first `quick_for` seconds `quick_probe`.
    """

    quick: float = 2.0
    quick_for: float = 120.0
    idle: float = 16.0
    grace: float = 10.0
    quick_probe: float = 20.0
    probe: float = 300.0


class ChronyTime:
    """Looks after the clock by a chronyd that runs beside.

    :param settings: gives those in force.
    :param authorities: folder of authorities for time servers, as chronyd's configuration names it.
    :param options: of the source, as chrony.conf(5) has them.
    :param ports: of the server: NTS-KE and NTP.
    :param told: is called with every state, also one that is as before.
    """

    def __init__(
        self,
        settings: Callable[[], TimeSettings],
        chronyd: Chronyd,
        *,
        authorities: Path | None = None,
        options: str = OPTIONS,
        ports: tuple[int, int] = (PORT, NTP_PORT),
        pace: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        told: Callable[[TimeState], None] = lambda state: None,
    ) -> None:
        self._settings = settings
        self._chronyd = chronyd
        self._authorities = authorities
        self._options = options
        self._ports = ports
        self._pace = pace or Pace()
        self._monotonic = monotonic
        self._told = told
        self._stirred = asyncio.Event()
        self._line: str | None = None
        self._changed = self._probed = monotonic()
        self._steps_again = self._is_renewed = self._had_keys = False
        self._state = TimeState(TimeStatus.UNSYNCHRONISED, _server_of(settings()), reason=Text(texts.WAITING))

    @property
    def state(self) -> TimeState:
        """How it stands now."""
        return self._state

    def stir(self) -> None:
        """Look at the settings again, now."""
        self._stirred.set()

    def clock_was_set(self) -> None:
        """Let the server have the last word on a clock that somebody else has set: it may be stepped again."""
        self._steps_again = True
        self._stirred.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._stirred.wait()
            self._stirred.clear()

    async def _look(self) -> None:
        settings = self._settings()
        server, is_used = _server_of(settings), settings.source is TimeSource.SERVER
        try:
            state = await self._looked(server, is_used=is_used)
        except ChronydError as error:
            self._line = None
            status = TimeStatus.NOT_AVAILABLE if is_used else TimeStatus.NOT_USED
            reason = Text(texts.NO_ANSWER, {"reason": str(error)})
            state = TimeState(status, server, reason=reason if is_used else NO_TEXT)
        if (state.status, state.reason, state.server) != (
            self._state.status,
            self._state.reason,
            self._state.server,
        ):
            _log.info(
                "time server %s: %s%s",
                state.server,
                state.status,
                f": {state.reason}" if state.reason else "",
            )
        self._state = state
        self._told(state)

    async def _looked(self, server: str, *, is_used: bool) -> TimeState:
        if not self._chronyd.is_there:
            self._line = None
            if not is_used:
                return TimeState(TimeStatus.NOT_USED, server)
            return TimeState(TimeStatus.NOT_AVAILABLE, server, reason=Text(texts.NO_DAEMON))
        await self._hand_over(source_line(server, self._ports[0], self._options) if is_used else "")
        if not is_used:
            return TimeState(TimeStatus.NOT_USED, server)
        facts = await self._chronyd.facts()
        offset = facts.offset if facts.follows and facts.reach else None
        status, reason = await self._verdict(server, facts)
        return TimeState(status, server, offset, reason)

    async def _hand_over(self, line: str) -> None:
        """See that chronyd has the source of the settings, also after it was started anew with an empty folder."""
        is_new = self._chronyd.source() != line
        if is_new or self._line != line:
            await asyncio.to_thread(self._make_folder)
            await self._chronyd.set_source(line)
            self._line = line
            self._changed = self._probed = self._monotonic()
            self._is_renewed = self._had_keys = False
        if line and (is_new or self._steps_again):
            await self._chronyd.begin_afresh()
        self._steps_again = False

    def _make_folder(self) -> None:
        # Without it chronyd 4.3 trusts nobody at all.
        if self._authorities is not None:
            with contextlib.suppress(OSError):
                self._authorities.mkdir(exist_ok=True)

    async def _verdict(self, server: str, facts: Facts) -> tuple[TimeStatus, Text]:
        self._had_keys |= facts.has_keys
        is_answered = bool(facts.has_keys and facts.reach & _LAST_THREE)
        if is_answered and facts.selected and facts.follows:
            self._is_renewed = False
            return TimeStatus.AUTHENTICATED, NO_TEXT
        if self._since_change() < self._pace.grace:
            return TimeStatus.UNSYNCHRONISED, Text(texts.WAITING)
        if is_answered:
            return TimeStatus.UNSYNCHRONISED, Text(texts.NOT_CHOSEN, {"server": server})
        if not self._is_probe_due():
            return self._state.status, self._state.reason
        self._probed = self._monotonic()
        reason = await probe(server, port=self._ports[0], authorities=self._authorities)
        if reason:
            is_gone = reason.template in _NOT_THERE
            return TimeStatus.UNREACHABLE if is_gone else TimeStatus.NOT_AUTHENTICATED, reason
        was_renewed = self._is_renewed
        if not facts.has_keys:
            await self._renew()
        if self._had_keys:
            return TimeStatus.UNREACHABLE, Text(texts.NO_TIME, {"server": server, "port": self._ports[1]})
        if was_renewed:
            return TimeStatus.NOT_AUTHENTICATED, Text(texts.NOT_TAKEN, {"server": server})
        return TimeStatus.UNSYNCHRONISED, Text(texts.WAITING)

    async def _renew(self) -> None:
        """Have chronyd forget how often it has failed: the server hands out keys now."""
        self._is_renewed = True
        line = self._line or ""
        await self._chronyd.set_source("")
        await self._chronyd.set_source(line)

    def _is_probe_due(self) -> bool:
        if self._probed <= self._changed or self._state.status is TimeStatus.AUTHENTICATED:
            return True
        every = self._pace.quick_probe if self._is_quick() else self._pace.probe
        return self._monotonic() - self._probed >= every

    def _since_change(self) -> float:
        return self._monotonic() - self._changed

    def _is_quick(self) -> bool:
        return self._since_change() < self._pace.quick_for

    def _pause(self) -> float | None:
        if self._line == "":
            return None
        return self._pace.quick if self._is_quick() and self._line is not None else self._pace.idle


def source_line(server: str, port: int, options: str = OPTIONS) -> str:
    """Give the line for chronyd; raise `ChronydError` for what is no name."""
    if not _NAME.fullmatch(server):
        raise ChronydError(f"{server[:64]!r} is no name of a server")
    return " ".join(
        filter(None, (f"server {server} nts", "" if port == PORT else f"ntsport {port}", options))
    )


def _server_of(settings: TimeSettings) -> str:
    return settings.server or settings.standard_server
