"""Who fails to log in waits, longer each time; who has logged in before is not locked out by others.

Three counts, each forgotten an hour after its last failure:

=========================  ======  =====================================================================================
of                         free    then
=========================  ======  =====================================================================================
a source (all its users)   5       5 s, doubled with each further failure up to 15 minutes
a user from one source     –       part of the count of the source, taken off it when that user logs in from there
a user from all sources    20      1 s, doubled up to 30 s; not for a source from which this user has logged in before, nor
                                   at the device itself, so that strangers can slow a user down but never lock one out
=========================  ======  =====================================================================================

A try counts as failed from its beginning until it has succeeded: tries side by side, and tries that are broken off, slip past
nothing. While one must wait, nothing is looked at, not even the right password, and nothing is counted. A source is an IPv4
address or an IPv6 network of 64 bits. Names that do not exist count like those that do.
"""

import hashlib
import ipaddress
from dataclasses import dataclass, field
from typing import Final, TypeVar

FREE: Final = 5
FIRST_DELAY: Final = 5.0
LONGEST_DELAY: Final = 900.0
FREE_FOR_A_USER: Final = 20
FIRST_DELAY_FOR_A_USER: Final = 1.0
LONGEST_DELAY_FOR_A_USER: Final = 30.0
FORGOTTEN_AFTER: Final = 3600.0
MOST_SOURCES: Final = 1024
MOST_USERS: Final = 256
MOST_KNOWN: Final = 64
"""Pairs of user and source that have logged in."""
_MOST_NAMES: Final = 32
"""Different names of one source that are told apart; the rest count together."""
_OTHERS: Final = b""

_K = TypeVar("_K")


@dataclass(slots=True)
class _Count:
    """Failures, and until when one must wait."""

    failures: int = 0
    last: float = 0.0
    until: float = 0.0
    of_users: dict[bytes, int] = field(default_factory=dict)

    def fail(self, now: float, free: int, first: float, longest: float) -> None:
        self.failures += 1
        self.last = now
        if self.failures >= free:
            # The exponent has a bound of its own: a count can grow for years.
            self.until = now + min(longest, first * 2.0 ** min(self.failures - free, 60))

    def is_forgotten(self, now: float) -> bool:
        return now - max(self.last, self.until) >= FORGOTTEN_AFTER


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to log in.

    :ivar wait_seconds: before which it is not looked at; 0 if it is, and it has been counted as failed.
    :ivar next_wait_seconds: what comes before the next one if this one fails.
    """

    wait_seconds: float
    next_wait_seconds: float = 0.0
    user: bytes = b""
    source: str = ""
    befores: tuple[tuple[_Count, float, float], ...] = field(default=(), repr=False)


class Throttle:
    """Counts failed logins; time is handed in, in seconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._sources: dict[str, _Count] = {}
        self._users: dict[bytes, _Count] = {}
        self._known: dict[tuple[bytes, str], None] = {}

    def begin(self, user: str, source: str, now: float, *, at_device: bool = False) -> Attempt:
        """Count a try as failed until it succeeds, or say how long to wait and count nothing.

        :param user: any text: only its hash is kept.
        :param at_device: from the setup interface, where the count of the user does not matter.
        """
        name, place = _digest(user), source_key(source)
        of_source = _find(self._sources, place, now)
        of_user = None if at_device or (name, place) in self._known else _find(self._users, name, now)
        counts = [count for count in (of_source, of_user) if count is not None]
        wait = max(count.until - now for count in counts)
        if wait > 0:
            return Attempt(wait)
        untils = [count.until for count in counts]
        of_source.fail(now, FREE, FIRST_DELAY, LONGEST_DELAY)
        is_told_apart = name in of_source.of_users or len(of_source.of_users) < _MOST_NAMES
        part = name if is_told_apart else _OTHERS
        of_source.of_users[part] = of_source.of_users.get(part, 0) + 1
        _keep(self._sources, place, of_source, MOST_SOURCES)
        if of_user is not None:
            of_user.fail(now, FREE_FOR_A_USER, FIRST_DELAY_FOR_A_USER, LONGEST_DELAY_FOR_A_USER)
            _keep(self._users, name, of_user, MOST_USERS)
        befores = tuple((count, before, count.until) for count, before in zip(counts, untils, strict=True))
        return Attempt(0.0, max(0.0, *(count.until - now for count in counts)), name, place, befores)

    def succeeded(self, attempt: Attempt) -> None:
        """The password was right: what this user failed from this source is forgiven, and the source is one of the user's."""
        for count, before, after in attempt.befores:
            count.failures -= count.of_users.pop(attempt.user, 1)
            # A failure beside this try may have set a later end: that one stays.
            if count.until == after:
                count.until = before
        pair = (attempt.user, attempt.source)
        self._known.pop(pair, None)
        self._known[pair] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def forget_all(self) -> None:
        """Begin anew, after somebody at the device has reset the users."""
        self._sources.clear()
        self._users.clear()
        self._known.clear()


def source_key(source: str) -> str:
    """Give what counts as one source: an IPv4 address, the /64 of an IPv6 address, or any other text as it is, bounded."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def _digest(user: str) -> bytes:
    """Somebody may type a password where the name belongs: it must not stay in memory."""
    return hashlib.sha256(user.encode(errors="replace")).digest()[:16]


def _find(table: dict[_K, _Count], key: _K, now: float) -> _Count:
    count = table.get(key)
    return _Count() if count is None or count.is_forgotten(now) else count


def _keep(table: dict[_K, _Count], key: _K, count: _Count, most: int) -> None:
    """Put a count into a table; where that is full, the one with the fewest failures makes room, of those the oldest."""
    if key not in table and len(table) >= most:
        del table[min(table, key=lambda other: (table[other].failures, table[other].last))]
    table[key] = count
