"""Bounds for everything that strangers can make grow: connections, and lines in the log."""

from collections import Counter
from typing import Final

LOG_AGAIN_SECONDS: Final = 600.0
LOG_LINES: Final = 200
"""In `LOG_AGAIN_SECONDS`, whoever they are about: addresses cost an attacker nothing."""


class Admission:
    """Counts connections, in all and per source.

    :param total: most connections at the same time.
    :param per_source: most of them from one address.
    """

    def __init__(self, total: int, per_source: int) -> None:
        self._total = total
        self._per_source = per_source
        self._sources: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Connections now."""
        return self._sources.total()

    def refusal(self, source: str) -> str:
        """Say why one more connection from there is too many; empty when it is not."""
        if self.is_full_for(source):
            return f"{self._per_source} connections from {source} are open already"
        if self.count >= self._total:
            return f"{self._total} connections are open already"
        return ""

    def is_full_for(self, source: str) -> bool:
        """Tell whether this source has all the connections it may have."""
        return self._sources[source] >= self._per_source

    def enter(self, source: str) -> None:
        """A connection was accepted."""
        self._sources[source] += 1

    def leave(self, source: str) -> None:
        """It is gone."""
        self._sources[source] -= 1
        if self._sources[source] <= 0:
            del self._sources[source]


class Rarely:
    """Says whether something is worth a line in the log: once for each source and kind of event, and again after a while.

    However many sources there are, the lines of a while are bounded.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], float] = {}

    def allows(self, source: str, kind: str, now: float) -> bool:
        """Tell whether to log now; counts as logged if so."""
        for key in [key for key, at in self._told.items() if now - at >= LOG_AGAIN_SECONDS]:
            del self._told[key]
        if (source, kind) in self._told or len(self._told) >= LOG_LINES:
            return False
        self._told[source, kind] = now
        return True
