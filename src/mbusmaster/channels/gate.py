"""Keeps the doors closed until somebody has taken the master into use (DESIGN 5.7).

In the factory state anybody at the setup interface can log in, so nothing else is open. Once a first user of their own was made,
channels open, and stay open for good: a later reset of the users lets people in anew, and leaves what was set up running.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mbusmaster.settings.store import write_atomically

MARK: Final = "in-use"

_log = logging.getLogger(__name__)


class Gate:
    """Closed in the factory state, open from the first user on.

    :param folder: of the state, which keeps the mark that it was opened.
    :param is_factory: tells whether nobody has made a user of their own.
    """

    def __init__(self, folder: Path, is_factory: Callable[[], bool]) -> None:
        self._mark = folder / MARK
        self._is_factory = is_factory
        self._opened = asyncio.Event()
        if self._mark.exists():
            self._opened.set()
        else:
            self.look()

    @property
    def is_open(self) -> bool:
        """Whether channels and hosting may work."""
        return self._opened.is_set()

    def look(self) -> None:
        """See whether there is a first user now; call it whenever users have changed."""
        if self.is_open or self._is_factory():
            return
        try:
            write_atomically(
                self._mark, b"A first user was made: channels stay open, also after a reset of the users.\n"
            )
        except OSError as error:
            _log.error(
                "cannot write %s: %s; after a reset of the users channels would be closed", self._mark, error
            )
        self._opened.set()

    async def opened(self) -> None:
        """Wait until it is open."""
        await self._opened.wait()
