"""Backups that somebody asks for at a page: made as a job, kept for an hour to be fetched, at most one at a time."""

import asyncio
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from mbusheadend.authority import Authority
from mbusheadend.backup.making import make_backup
from mbusheadend.jobs import Job, JobError, Jobs
from mbusheadend.store import Store
from mbusweb.texts import Text, mark

KIND: Final = "backup"
FOLDER: Final = "backups"
"""In the state folder; what is in there is forgotten when the head-end starts."""
KEPT_SECONDS: Final = 3600.0
_TITLE: Final = mark("Back the head-end up")
_NOT_HERE: Final = mark("Backups are made by whoever runs the installation")
_COPYING: Final = mark("Copying the store, users and the authority")
_DONE: Final = mark("The backup is ready to be downloaded for an hour")


@dataclass(frozen=True, slots=True)
class Ready:
    """A backup that can be fetched.

    :ivar is_sealed: whether a passphrase protects its secrets.
    """

    path: Path
    made: datetime
    size: int
    who: str
    is_sealed: bool


class BackupDesk:
    """Makes backups and keeps the last one for a while; construct it in the event loop.

    :param settings_file: is added where there is such a file.
    :param is_allowed: a backup has the authority's key: only the main tenant may have that.
    """

    def __init__(
        self,
        store: Store,
        authority: Authority,
        state: Path,
        now: Callable[[], datetime],
        settings_file: Path | None = None,
        *,
        is_allowed: bool = True,
    ) -> None:
        self._store = store
        self._authority = authority
        self._state = state
        self._now = now
        self._settings_file = settings_file
        self._is_allowed = is_allowed
        self._ready: Ready | None = None
        self._end: asyncio.TimerHandle | None = None
        self._clear()

    @property
    def ready(self) -> Ready | None:
        """The backup that can be fetched now."""
        return self._ready

    def start(self, jobs: Jobs, who: str, passphrase: str | None) -> Job:
        """Begin to make one, in the place of the last one; raise `JobError` where one is being made."""
        if not self._is_allowed:
            raise JobError(Text(_NOT_HERE))

        async def work(job: Job) -> Text:
            self.forget()
            job.progress(0, 0, Text(_COPYING))
            folder = self._state / FOLDER / secrets.token_hex(8)
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
            try:
                self._keep(await self._make(folder, who, passphrase))
            except BaseException:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
                raise
            return Text(_DONE)

        return jobs.start(KIND, Text(_TITLE), work, who, subject=KIND)

    def forget(self) -> None:
        """Remove the backup that is there."""
        if self._end is not None:
            self._end.cancel()
        self._ready = self._end = None
        self._clear()

    async def _make(self, folder: Path, who: str, passphrase: str | None) -> Ready:
        path = await make_backup(
            self._store,
            self._authority,
            self._state,
            folder,
            self._now(),
            settings_file=self._settings_file,
            passphrase=passphrase,
        )
        size = (await asyncio.to_thread(path.stat)).st_size
        return Ready(path, self._now(), size, who, passphrase is not None)

    def _keep(self, ready: Ready) -> None:
        self._ready = ready
        self._end = asyncio.get_running_loop().call_later(KEPT_SECONDS, self.forget)

    def _clear(self) -> None:
        with suppress(OSError):
            shutil.rmtree(self._state / FOLDER)
