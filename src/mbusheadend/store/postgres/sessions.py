"""Sessions of browsers on the server: whichever process a browser comes to next, it knows them (`SessionBook`).

A process remembers for a few seconds what it has seen, so a page costs no question. A session is good only together with its user
and the epoch of the password, which the server compares: so a changed password ends the others everywhere.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mbusheadend.store.sql.moments import stored
from mbusweb.access.connection import Connection, Keeper
from mbusweb.access.errors import AccessStoreError
from mbusweb.access.sessions import MOST_OF_A_USER, Holder, Session, digest_of, new_secret

REMEMBERED: Final = 2_000
"""Milliseconds; so long a session that another process has ended may go on in this one."""
MOST_UNKNOWN: Final = 10_000
"""Ids of no session that are remembered as such."""
NOTED: Final = 20_000
"""Milliseconds after which another use is written down."""
SWEPT: Final = 60_000
_HELD: Final = """
SELECT users.id, users.name, sessions.epoch, next_epoch, csrf, sessions.created, source, began, used
FROM sessions JOIN users ON users.id = sessions."user"
    AND (users.epoch = sessions.epoch OR users.epoch = coalesce(next_epoch, sessions.epoch))
WHERE digest = ?
"""
_DROP_OLDEST: Final = """
DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions {where} ORDER BY used DESC, digest OFFSET ?)
"""


@dataclass(frozen=True, slots=True)
class _Held:
    """Moments are milliseconds since 1970."""

    session: Session
    holder: Holder
    next_epoch: int | None
    began: int
    used: int
    seen: int


class SharedSessions:
    """See `mbusweb.access.sessions.SessionBook`.

    :param now: gives the time.
    """

    def __init__(
        self,
        keeper: Keeper,
        now: Callable[[], datetime],
        idle_minutes: Callable[[], float],
        longest_hours: Callable[[], float],
        most: int,
    ) -> None:
        self._keeper = keeper
        self._now = now
        self._idle_minutes = idle_minutes
        self._longest_hours = longest_hours
        self._most = most
        self._known: dict[bytes, _Held] = {}
        self._unknown: dict[bytes, int] = {}
        self._noted: dict[bytes, int] = {}
        self._swept = 0

    async def start(self, holder: Holder, created: datetime, source: str) -> Session:
        """See the protocol."""
        identity, csrf, now = new_secret(), new_secret(), stored(self._now())
        row = (digest_of(identity), holder.user, holder.epoch, csrf, created.isoformat(), source, now, now)

        def add(connection: Connection) -> None:
            connection.execute(
                _DROP_OLDEST.format(where='WHERE "user" = ?'), (holder.user, MOST_OF_A_USER - 1)
            )
            connection.execute(_DROP_OLDEST.format(where=""), (self._most - 1,))
            connection.execute(
                'INSERT INTO sessions (digest, "user", epoch, csrf, created, source, began, used)'
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

        await asyncio.wrap_future(self._keeper.write(add))
        return Session(identity, holder.name, False, csrf, created, source)

    def find(self, identity: str, *, is_use: bool = True) -> Session | None:
        """See the protocol."""
        digest, now = digest_of(identity), stored(self._now())
        held = self._known.get(digest)
        if held is None or not 0 <= now - held.seen < REMEMBERED:
            held = self._look(digest, identity, now)
        if held is None or self._is_over(held, now):
            self._known.pop(digest, None)
            return None
        if is_use:
            self._use(digest, held, now)
        return held.session

    def end(self, identity: str) -> Session | None:
        """See the protocol."""
        digest = digest_of(identity)
        held = self._look(digest, identity, stored(self._now()))
        self._known.pop(digest, None)
        self._keeper.post(lambda connection: _delete(connection, digest), "the end of a session")
        return None if held is None else held.session

    def end_of(self, user: int) -> int:
        """See the protocol."""
        self.keep_only(lambda holder, _: holder.user != user)
        try:
            row = self._keeper.read(
                lambda connection: connection.execute(
                    'SELECT count(*) FROM sessions WHERE "user" = ?', (user,)
                ).fetchone()
            )
        except AccessStoreError:
            return 0
        self._keeper.post(
            lambda connection: connection.execute('DELETE FROM sessions WHERE "user" = ?', (user,)),
            "the end of a user's sessions",
        )
        return int(row[0])

    def keep_only(self, is_good: Callable[[Holder, int | None], bool]) -> int:
        """Forget those that are not good; on the server they are good no more by what made them so."""
        gone = [key for key, held in self._known.items() if not is_good(held.holder, held.next_epoch)]
        for key in gone:
            del self._known[key]
        return len(gone)

    def announce(self, identity: str, epoch: int | None) -> None:
        """See the protocol."""
        digest = digest_of(identity)
        held = self._known.get(digest)
        if held is not None:
            self._known[digest] = replace(held, next_epoch=epoch)
        self._keeper.post(
            lambda connection: connection.execute(
                "UPDATE sessions SET next_epoch = ? WHERE digest = ?", (epoch, digest)
            ),
            "a session that goes on with a new password",
        )

    def sweep(self) -> None:
        """See the protocol."""
        now = stored(self._now())
        self._known = {key: held for key, held in self._known.items() if now - held.seen < REMEMBERED}
        self._unknown = {key: at for key, at in self._unknown.items() if 0 <= now - at < REMEMBERED}
        self._noted = {key: at for key, at in self._noted.items() if now - at < SWEPT}
        if 0 <= now - self._swept < SWEPT:
            return
        self._swept = now
        idle, longest = self._limits()
        self._keeper.post(
            lambda connection: connection.execute(
                "DELETE FROM sessions WHERE used < ? OR began < ?", (now - idle, now - longest)
            ),
            "the end of old sessions",
        )

    def _look(self, digest: bytes, identity: str, now: int) -> _Held | None:
        if 0 <= now - self._unknown.get(digest, now + 1) < REMEMBERED:
            return None
        try:
            row = self._keeper.read(lambda connection: connection.execute(_HELD, (digest,)).fetchone())
        except AccessStoreError:
            return None
        if row is None:
            if len(self._unknown) < MOST_UNKNOWN:
                self._unknown[digest] = now
            return None
        user, name, epoch, next_epoch, csrf, created, source, began, used = row
        session = Session(identity, name, False, csrf, datetime.fromisoformat(created), source)
        used = max(used, self._noted.get(digest, used))
        held = self._known[digest] = _Held(session, Holder(user, name, epoch), next_epoch, began, used, now)
        return held

    def _use(self, digest: bytes, held: _Held, now: int) -> None:
        self._known[digest] = replace(held, used=now)
        if now - self._noted.get(digest, held.began) < NOTED:
            return
        self._noted[digest] = now
        self._keeper.post(
            lambda connection: connection.execute(
                "UPDATE sessions SET used = ? WHERE digest = ? AND used < ?", (now, digest, now)
            ),
            "the use of a session",
        )

    def _is_over(self, held: _Held, now: int) -> bool:
        idle, longest = self._limits()
        return now - held.used >= idle or now - held.began >= longest

    def _limits(self) -> tuple[int, int]:
        return int(self._idle_minutes() * 60_000), int(self._longest_hours() * 3_600_000)


def _delete(connection: Connection, digest: bytes) -> Any:
    return connection.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
