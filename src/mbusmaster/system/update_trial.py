"""The first start of a new release: it is confirmed once everything works that worked before, or else taken back.

The helper counts the starts of a release that nobody confirmed, and after a few goes back to the one before. A release that
crashes is seen by that; one that runs but has lost something restarts itself, which counts too.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from mbusio.files import write_atomically
from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperError

SECONDS: Final = 60.0
"""That a release must run without a crash."""
PATIENCE: Final = 300.0
"""Seconds for everything to work again that worked before."""
LOOK_SECONDS: Final = 5.0
_LARGEST: Final = 64 * 1024

Facts = Callable[[], Mapping[str, bool]]
"""Gives what works now, by name: the pages, the databases, each bus."""

_log = logging.getLogger(__name__)


class Trial:
    """Looks at a new release from inside.

    :param memory: file that keeps over the restart what worked before.
    :param restart: ends and starts the gateway; takes why.
    """

    def __init__(
        self,
        helper: Helper,
        memory: Path,
        facts: Facts,
        restart: Callable[[str], None],
        *,
        seconds: float = SECONDS,
        patience: float = PATIENCE,
        look: float = LOOK_SECONDS,
    ) -> None:
        self._helper = helper
        self._memory = memory
        self._facts = facts
        self._restart = restart
        self._seconds = seconds
        self._patience = patience
        self._look = look

    async def remember(self) -> None:
        """Keep what works now, before another release takes over."""
        content = json.dumps(dict(self._facts())).encode()
        try:
            await asyncio.to_thread(write_atomically, self._memory, content)
        except OSError as error:
            _log.error("what works cannot be kept for the next release to compare: %s", error)

    async def run(self) -> bool:
        """Confirm the release that runs; false where it was not well in time, and the gateway restarts."""
        before = await asyncio.to_thread(self._before)
        await asyncio.sleep(self._seconds)
        left = max(1, round((self._patience - self._seconds) / self._look))
        lacking: str = ""
        for _ in range(left):
            now = self._facts()
            # What is not there any more was taken out of the settings, which a restart puts in force: that is no loss.
            lacking = ", ".join(name for name in before if not now.get(name, True))
            if not lacking and await self._confirm():
                with contextlib.suppress(OSError):
                    self._memory.unlink()
                return True
            await asyncio.sleep(self._look)
        _log.error("this release is not confirmed: %s", lacking or "the helper cannot be asked")
        self._restart(
            f"the new release has not: {lacking}" if lacking else "the new release cannot be confirmed"
        )
        return False

    async def _confirm(self) -> bool:
        try:
            await self._helper.do("slots.confirm")
        except HelperError as error:
            _log.error("this release cannot be confirmed: %s", error)
            return False
        _log.info("this release is confirmed: everything works that worked before")
        return True

    def _before(self) -> tuple[str, ...]:
        """Give what worked; nothing where that was not kept or cannot be read."""
        try:
            with self._memory.open("rb") as file:
                content = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return ()
        return tuple(str(name) for name, well in content.items() if well) if isinstance(content, dict) else ()
