"""Masters that have a call open at any process of a head-end."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from mbusheadend.gossip import Gossip
from mbusheadend.presence import BETWEEN_SECONDS, Presence

TOPIC: Final = "presence"


class PresenceNews:
    """Tells the other processes who is connected to this one, and hears who is to them (`mbusheadend.gossip.Teller`).

    :ivar gossip: carries it, once it is set.
    """

    def __init__(self, presence: Presence) -> None:
        self.gossip: Gossip | None = None
        self._presence = presence
        self._told: set[str] = set()
        presence.came, presence.left = self._came, self._left

    def everything(self) -> Iterable[tuple[str, Any]]:
        """See `mbusheadend.gossip.Teller`."""
        self._told = set(self._presence.here)
        return [(serial, [serial, 1]) for serial in self._told]

    def heard(self, process: str, said: Any) -> None:
        """See the same."""
        serial, is_there = said
        self._presence.note_elsewhere(process, str(serial)[:64], is_there=bool(is_there))

    def gone(self, process: str) -> None:
        """See the same."""
        self._presence.forget_elsewhere(process)

    def _came(self, serial: str) -> None:
        if serial not in self._told and self.gossip is not None:
            self._told.add(serial)
            self.gossip.tell(serial, [serial, 1])

    def _left(self, serial: str) -> None:
        # One that calls again at once was not gone: nobody need hear of it.
        asyncio.get_running_loop().call_later(BETWEEN_SECONDS, self._look, serial)

    def _look(self, serial: str) -> None:
        if serial in self._told and serial not in self._presence.here and self.gossip is not None:
            self._told.discard(serial)
            self.gossip.tell(serial, [serial, 0])
