"""What somebody has sent, kept until its owner says what to do with it: few, and not for long."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
MOST: Final = 3
LONGEST_WAIT: Final = 900.0
"""Seconds."""


class Waiting(Generic[T]):
    """Keeps things.

    :param monotonic: seconds of a clock that only rises.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: OrderedDict[str, tuple[str, float, T]] = OrderedDict()

    def keep(self, owner: str, thing: T) -> str:
        """Keep one and give the key to it; what its owner sent before is forgotten, and the oldest where there are many.

        :param owner: what only one browser knows.
        """
        now = self._monotonic()
        for key, (other, since, _thing) in list(self._waiting.items()):
            if other == owner or now - since > LONGEST_WAIT:
                del self._waiting[key]
        while len(self._waiting) >= MOST:
            self._waiting.popitem(last=False)
        key = secrets.token_urlsafe(16)
        self._waiting[key] = (owner, now, thing)
        return key

    def take(self, owner: str, key: str) -> T | None:
        """Give what was kept and forget it; None where it is somebody else's, or was too long ago."""
        kept = self._waiting.get(key)
        if kept is None or kept[0] != owner:
            return None
        del self._waiting[key]
        return kept[2] if self._monotonic() - kept[1] <= LONGEST_WAIT else None
