"""Uploaded files with bad lines, kept until their owner says whether the good ones shall be taken: few, and not for long."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST: Final = 3
LONGEST_WAIT: Final = 900.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file.

    :ivar name: as the browser gave it; of use for the audit log alone.
    :ivar bus: of meters whose line names none.
    """

    name: str
    data: bytes
    bus: str


class WaitingUploads:
    """Keeps them.

    :param monotonic: seconds of a clock that only rises.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: OrderedDict[str, tuple[str, float, Upload]] = OrderedDict()

    def keep(self, owner: str, upload: Upload) -> str:
        """Keep one and give the key to it; what its owner sent before is forgotten, and the oldest where there are many.

        :param owner: what only one browser knows.
        """
        now = self._monotonic()
        for key, (other, since, _upload) in list(self._waiting.items()):
            if other == owner or now - since > LONGEST_WAIT:
                del self._waiting[key]
        while len(self._waiting) >= MOST:
            self._waiting.popitem(last=False)
        key = secrets.token_urlsafe(16)
        self._waiting[key] = (owner, now, upload)
        return key

    def take(self, owner: str, key: str) -> Upload | None:
        """Give what was kept and forget it; None where it is somebody else's, or was too long ago."""
        kept = self._waiting.get(key)
        if kept is None or kept[0] != owner:
            return None
        del self._waiting[key]
        return kept[2] if self._monotonic() - kept[1] <= LONGEST_WAIT else None
