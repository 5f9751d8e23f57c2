"""Opened backups that wait for the answer to "restore this?": few, and not for long."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mbusmaster.settings.backup import Restored

MOST: Final = 4
LONGEST_WAIT: Final = 600.0
"""Seconds."""


class WaitingRestores:
    """Keeps what is in a backup until its user says yes; hashes of passwords never go to a browser and back.

    :param monotonic: seconds of a clock that only rises.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: OrderedDict[str, tuple[str, float, Restored]] = OrderedDict()

    def keep(self, user: str, restored: Restored) -> str:
        """Keep one and give the key to it; what the user had opened before is forgotten, and the oldest where there are many."""
        for key in [key for key, (owner, _since, _restored) in self._waiting.items() if owner == user]:
            del self._waiting[key]
        while len(self._waiting) >= MOST:
            self._waiting.popitem(last=False)
        key = secrets.token_urlsafe(16)
        self._waiting[key] = (user, self._monotonic(), restored)
        return key

    def take(self, user: str, key: str) -> Restored | None:
        """Give what was kept and forget it; None where it is another user's, or was too long ago."""
        owner, since, restored = self._waiting.pop(key, ("", 0.0, None))
        in_time = self._monotonic() - since <= LONGEST_WAIT
        return restored if owner == user and in_time else None
