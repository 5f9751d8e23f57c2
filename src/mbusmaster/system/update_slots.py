"""Releases in two slots: a file is received, checked and installed by the helper, and the gateway restarts into it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperError
from mbusmaster.system.update import (
    UNDER_WAY,
    Installed,
    LastUpdate,
    Outcome,
    UpdateError,
    UpdateKind,
    UpdateState,
    UpdateStatus,
    shown_number,
)
from mbusmaster.system.update_spool import BROKEN_OFF, Spool
from mbusmaster.system.update_trial import Trial
from mbusreleases.description import file_name, number_in
from mbusweb.texts import NO_TEXT, Text, mark

WRONG_NAME: Final = mark("This is no firmware file: its name must be like %(name)s.")
ON_TRIAL: Final = mark(
    "Release %(release)s was started a moment ago and must prove well first. Try again in some minutes."
)
SHOWN_NAME: Final = "MBMC2022_release_xxxx.tar"
RESTART_SECONDS: Final = 5.0
"""For pages to show that it is installed, before the master restarts."""

_LONGEST_NUMBER: Final = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    path: Path
    from_server: bool


class SlotUpdates:
    """Installs release files, one at a time.

    :param spool: where files wait for the helper.
    :param trial: of a release that was just installed.
    :param restart: ends and starts the gateway; takes why.
    :param record: writes what became of a release into the audit log: what, and the outcome.
    """

    def __init__(
        self,
        helper: Helper,
        spool: Spool,
        trial: Trial,
        *,
        restart: Callable[[str], None],
        record: Callable[[str, str], None] = lambda what, outcome: None,
        kind: UpdateKind = UpdateKind.SLOTS,
        restart_seconds: float = RESTART_SECONDS,
    ) -> None:
        self._helper = helper
        self._spool = spool
        self._trial = trial
        self._restart = restart
        self._record = record
        self._restart_seconds = restart_seconds
        self._state = UpdateState(UpdateStatus.IDLE, kind=kind)
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()

    @property
    def state(self) -> UpdateState:
        """How it stands, but for the update server."""
        return self._state

    @property
    def installed(self) -> int:
        """Number of the release that runs; 0 where it is none, or not known yet."""
        release = self._state.installed.release if self._state.installed else ""
        return int(release) if release.isdecimal() else 0

    async def run(self) -> None:
        """Work until cancelled."""
        await self._clean()
        await self.look()
        async with asyncio.TaskGroup() as tasks:
            if self._state.installed is not None and self._state.installed.on_trial:
                tasks.create_task(self._prove())
            while True:
                await self._install(await self._waiting.get())

    async def look(self) -> None:
        """Ask the helper what is installed."""
        try:
            facts = await self._helper.do("slots.state")
        except HelperError as error:
            _log.warning("it is not known which release is installed: %s", error)
            return
        self._state = replace(self._state, installed=_installed(facts), last=_last(facts.get("last")))

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        """Receive a release file, and begin to check and install it; raise `UpdateError`.

        :param name: of the file, as the browser says it.
        :param size: in bytes, where it is known before.
        """
        number = number_in(name)
        if number is None:
            raise UpdateError(WRONG_NAME, name=SHOWN_NAME)
        self._begin(UpdateStatus.RECEIVING, shown_number(number))
        try:
            path = await self._spool.receive(file_name(number), content, size, self._received)
        except UpdateError as error:
            self._fail(error.text)
            raise
        except BaseException:
            self._fail(Text(BROKEN_OFF))
            raise
        self._then(UpdateStatus.CHECKING)
        self._waiting.put_nowait(_Waiting(path, from_server=False))

    async def install_fetched(self, fetched: Path, *, from_server: bool = True) -> None:
        """Begin to check and install what was fetched; raise `UpdateError`.

        :param from_server: an update server gave it, and not a head-end, which has release files.
        """
        number = number_in(fetched.name)
        if number is None:
            raise UpdateError(WRONG_NAME, name=SHOWN_NAME)
        self._begin(UpdateStatus.CHECKING, shown_number(number))
        try:
            path = await self._spool.take(fetched)
        except UpdateError as error:
            self._fail(error.text)
            raise
        self._waiting.put_nowait(_Waiting(path, from_server=from_server))

    async def _clean(self) -> None:
        """Remove what an earlier run left, unless somebody sends a file already."""
        if self._state.is_busy:
            return
        try:
            await self._spool.clean()
        except OSError as error:
            _log.error("the folder for release files cannot be used: %s", error)

    def _begin(self, status: UpdateStatus, release: str) -> None:
        state = self._state
        if state.is_busy or state.status is UpdateStatus.INSTALLED:
            raise UpdateError(UNDER_WAY)
        if state.installed is not None and state.installed.on_trial:
            raise UpdateError(ON_TRIAL, release=state.installed.release)
        self._state = replace(state, status=status, release=release, progress=0, reason=NO_TEXT)

    async def _install(self, waiting: _Waiting) -> None:
        await self._trial.remember()
        try:
            done = await self._have_installed(waiting)
        except HelperError as error:
            _log.error("release %s was not installed: %s", self._state.release, error)
            self._fail(error.text)
            self._record(f"release {self._state.release}: {error}", "refused")
            await self.look()
            return
        release = _number(done.get("release")) or self._state.release
        self._then(UpdateStatus.INSTALLED, release)
        _log.info("release %s is installed", release)
        self._record(f"release {release} is installed", "ok")
        await asyncio.sleep(self._restart_seconds)
        self._restart(f"release {release} is installed")

    async def _have_installed(self, waiting: _Waiting) -> Mapping[str, Any]:
        arguments = {"file": waiting.path.name, "from_server": waiting.from_server}
        try:
            return await self._helper.do("slots.install", arguments, told=self._told)
        finally:
            with contextlib.suppress(OSError):
                waiting.path.unlink()

    async def _prove(self) -> None:
        if await self._trial.run():
            await self.look()
            release = self._state.installed.release if self._state.installed else ""
            self._record(f"release {release} proved well", "ok")

    def _received(self, percent: int) -> None:
        self._state = replace(self._state, progress=percent)

    def _told(self, facts: Mapping[str, Any]) -> None:
        if "step" not in facts:
            return
        status = UpdateStatus.CHECKING if facts.get("step") == "checking" else UpdateStatus.INSTALLING
        release = _number(facts.get("release")) or self._state.release
        percent = facts.get("percent")
        progress = min(100, max(0, percent)) if isinstance(percent, int) else 0
        self._state = replace(self._state, status=status, release=release, progress=progress)

    def _then(self, status: UpdateStatus, release: str = "") -> None:
        self._state = replace(self._state, status=status, progress=0, release=release or self._state.release)

    def _fail(self, why: Text) -> None:
        self._state = replace(self._state, status=UpdateStatus.FAILED, progress=0, reason=why)


def _installed(facts: Mapping[str, Any]) -> Installed:
    return Installed(
        release=_number(facts.get("release")),
        version=str(facts.get("version") or ""),
        slot=str(facts.get("current") or ""),
        on_trial=facts.get("trial") is True,
    )


def _last(facts: object) -> LastUpdate | None:
    match facts:
        case {
            "release": int() | str() as release,
            "outcome": ("installed" | "rolled back") as outcome,
            **more,
        }:
            values = more.get("values")
            why = Text(str(more.get("why") or ""), dict(values) if isinstance(values, Mapping) else {})
            return LastUpdate(_number(release), Outcome(outcome), why)
    return None


def _number(release: object) -> str:
    """Give the number of a release as people write it."""
    text = str(release or "")
    return shown_number(int(text)) if text.isdecimal() and len(text) < _LONGEST_NUMBER else ""
