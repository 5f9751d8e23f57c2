"""Sessions of browsers; here in memory: a restart logs everybody out.

An id is 256 random bits; only its SHA-256 is kept. A session ends when it is not used for a while, some hours after its beginning
in any case, when its user's password changes or its user is gone, and when newer ones need the room.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from mbusweb.access.rules import MOST_SESSIONS

MOST_OF_A_USER: Final = 8
_BITS: Final = 256
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Session:
    """A login.

    :ivar id: what the browser's cookie holds; a secret.
    :ivar user: name of the user; of the default user in the factory state.
    :ivar is_factory: of the default user: good for nothing but making an own user.
    :ivar csrf: what a form must send along with each change; a secret.
    :ivar created: UTC.
    :ivar source: from where the login came.
    :ivar role: of the user at this moment; empty where the product has no roles.
    """

    id: str = field(repr=False)
    user: str
    is_factory: bool
    csrf: str = field(repr=False)
    created: datetime
    source: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session it is.

    :ivar user: id of the user; None for the default user.
    :ivar epoch: of the user's password, or the era of the default user.
    """

    user: int | None
    name: str
    epoch: int


@dataclass(slots=True)
class _Held:
    holder: Holder
    csrf: str = field(repr=False)
    created: datetime
    source: str
    began: float
    used: float
    next_epoch: int | None = None


class SessionBook(Protocol):
    """All sessions; several processes that share them have another one than `Sessions`."""

    async def start(self, holder: Holder, created: datetime, source: str) -> Session:
        """Begin a session under a new id; the longest unused ones make room."""

    def find(self, identity: str, *, is_use: bool = True) -> Session | None:
        """Give a session that has not ended, and count that as use or not."""

    def end(self, identity: str) -> Session | None:
        """End a session; give what it was."""

    def end_of(self, user: int) -> int:
        """End all sessions of a user; give how many."""

    def keep_only(self, is_good: Callable[[Holder, int | None], bool]) -> int:
        """End the sessions that are not good: called with whose they are and the epoch announced by `announce`; give how many."""

    def announce(self, identity: str, epoch: int | None) -> None:
        """A session goes on when its user's password gets this epoch: the one who changes it stays. None takes that back."""

    def sweep(self) -> None:
        """Forget what is over."""


class Sessions:
    """`SessionBook` in memory.

    :param monotonic: seconds of a clock that never jumps.
    :param idle_minutes: after so long without use a session ends.
    :param longest_hours: so long it lasts at the most.
    :param most: at a time.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        idle_minutes: Callable[[], float],
        longest_hours: Callable[[], float],
        most: int = MOST_SESSIONS,
    ) -> None:
        self._monotonic = monotonic
        self._idle_minutes = idle_minutes
        self._longest_hours = longest_hours
        self._most = most
        self._held: dict[bytes, _Held] = {}

    async def start(self, holder: Holder, created: datetime, source: str) -> Session:
        """See `SessionBook`."""
        self.sweep()
        while sum(held.holder.user == holder.user for held in self._held.values()) >= MOST_OF_A_USER:
            self._drop_oldest([key for key, held in self._held.items() if held.holder.user == holder.user])
        while len(self._held) >= self._most:
            self._drop_oldest(list(self._held))
        identity, csrf = new_secret(), new_secret()
        now = self._monotonic()
        held = self._held[digest_of(identity)] = _Held(holder, csrf, created, source, now, now)
        return _session(identity, held)

    def find(self, identity: str, *, is_use: bool = True) -> Session | None:
        """See `SessionBook`."""
        held = self._held.get(digest_of(identity))
        if held is None:
            return None
        now = self._monotonic()
        if self._is_over(held, now):
            del self._held[digest_of(identity)]
            return None
        if is_use:
            held.used = now
        return _session(identity, held)

    def end(self, identity: str) -> Session | None:
        """See `SessionBook`."""
        held = self._held.pop(digest_of(identity), None)
        return None if held is None else _session(identity, held)

    def end_of(self, user: int) -> int:
        """See `SessionBook`."""
        return self.keep_only(lambda holder, _: holder.user != user)

    def keep_only(self, is_good: Callable[[Holder, int | None], bool]) -> int:
        """See `SessionBook`."""
        ended = [key for key, held in self._held.items() if not is_good(held.holder, held.next_epoch)]
        for key in ended:
            del self._held[key]
        return len(ended)

    def announce(self, identity: str, epoch: int | None) -> None:
        """See `SessionBook`."""
        held = self._held.get(digest_of(identity))
        if held is not None:
            held.next_epoch = epoch

    def sweep(self) -> None:
        """See `SessionBook`."""
        now = self._monotonic()
        for key in [key for key, held in self._held.items() if self._is_over(held, now)]:
            del self._held[key]

    def _is_over(self, held: _Held, now: float) -> bool:
        idle, longest = self._idle_minutes() * 60.0, self._longest_hours() * 3600.0
        return now - held.used >= idle or now - held.began >= longest

    def _drop_oldest(self, keys: list[bytes]) -> None:
        del self._held[min(keys, key=lambda key: self._held[key].used)]


def _session(identity: str, held: _Held) -> Session:
    is_factory = held.holder.user is None
    return Session(identity, held.holder.name, is_factory, held.csrf, held.created, held.source)


def new_secret() -> str:
    """Make what nobody guesses."""
    return secrets.token_urlsafe(_BITS // 8)


def digest_of(identity: str) -> bytes:
    """Give what is kept of the id of a session."""
    return hashlib.sha256(identity[:_LONGEST_ID].encode(errors="replace")).digest()
