"""Users, logins, sessions and API tokens of one product: what its pages, its API and all else ask.

Everything that decides about a login is kept in memory and read again when the file has changed, also by another process
(a command): each question looks for that, and `watch` does every few seconds. Where the file cannot be used
nobody can log in, a default user neither, and the rest goes on; `reset` sets it aside.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from mbusweb.access import rows
from mbusweb.access.audit import AccessKind, AuditLog, AuditRow, audit_row, write_row
from mbusweb.access.backup import pack, unpack
from mbusweb.access.connection import Connection, Keeper
from mbusweb.access.database import FILE_NAME, Database
from mbusweb.access.errors import AccessStoreError, Problem, TokenError
from mbusweb.access.hashing import Hasher
from mbusweb.access.logins import Logins, may_go_on
from mbusweb.access.names import key_of, normal_name
from mbusweb.access.passwords import check_password
from mbusweb.access.rows import Account, Kept, PackedUser, Token, User
from mbusweb.access.rules import Rules
from mbusweb.access.sessions import Session, SessionBook, Sessions

WATCH_SECONDS: Final = 3.0
TOKEN_WRITE_SECONDS: Final = 60.0
"""The last use of a token is written no more often."""
LONGEST_TITLE: Final = 64
_TOKEN_BYTES: Final = 32
_TOKEN_LENGTH: Final = 43

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Access:
    """One facade over the file of the users. Call it from the thread of the event loop only.

    :param state: folder of the file.
    :ivar rules: of the product.
    :param clock: the time, aware; :param monotonic: seconds of a clock that never jumps.
    :param idle_minutes: see `Sessions`, as is `longest_hours`.
    :param keeper: keeps the users, where that is no file in the folder; :param sessions: likewise, where they are not in memory.
    :ivar audit: the audit log, in the same place.
    """

    def __init__(
        self,
        state: Path,
        rules: Rules,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        idle_minutes: Callable[[], float],
        longest_hours: Callable[[], float],
        hasher: Hasher | None = None,
        keeper: Keeper | None = None,
        sessions: SessionBook | None = None,
    ) -> None:
        self._database = keeper or Database(state / FILE_NAME, rules.remedy)
        self.rules = rules
        self.audit = AuditLog(self._database, clock)
        self._clock = clock
        self._monotonic = monotonic
        self._hasher = hasher or Hasher()
        self._sessions = sessions or Sessions(monotonic, idle_minutes, longest_hours, rules.most_sessions)
        self._logins = Logins(
            self._database,
            rules,
            self.audit,
            self._hasher,
            monotonic,
            refresh=self.refresh,
            kept=lambda: self._kept,
        )
        self._kept: Kept | None = None
        self._listeners: list[Callable[[], None]] = []
        self._was_set_up = False
        self._token_written: dict[int, float] = {}

    def open(self) -> None:
        """Open the file, make it where there is none. Never raises: see `problem`."""
        self._database.open(make=True)
        self.refresh()

    def close(self) -> None:
        """Write what is pending, close the file and end the threads."""
        self._hasher.close()
        self._database.close()
        self._kept = None

    async def watch(self) -> None:
        """Notice every few seconds what other processes changed, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._database.trouble is not None:
                self._database.open()
            self.refresh()
            self._sessions.sweep()

    # What is so

    @property
    def problem(self) -> str:
        """Why nobody can log in and what helps; empty where all is well."""
        self.refresh()
        return str(self._database.trouble or "")

    @property
    def is_factory(self) -> bool:
        """Nobody has made an own user, or all were reset. False where the file cannot be used."""
        self.refresh()
        return self._kept is not None and self._kept.is_factory

    @property
    def is_set_up(self) -> bool:
        """Somebody has made an own user once: what was set up goes on, also after a reset and with a file of no use."""
        self.refresh()
        if self._kept is not None:
            return self._kept.is_set_up
        return self._was_set_up or self._database.was_made()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a listener after each change of users, tokens or the factory state, in the loop; give what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def refresh(self) -> None:
        """Take over what has changed in the file; cheap where nothing has."""
        try:
            has_changed = self._database.has_changed()
            is_usable = self._database.trouble is None
            if not has_changed and is_usable is (self._kept is not None):
                return
            found = self._database.read(rows.load) if is_usable else None
        except AccessStoreError as error:
            if self._database.trouble is None:
                # A disk that fails for a moment: what is known goes on.
                _log.warning("the users are as they were before: %s", error)
                return
            found = None
        before, self._kept = self._kept, found
        self._was_set_up = self._was_set_up or (found is not None and found.is_set_up)
        if before != found:
            self._sessions.keep_only(lambda holder, announced: may_go_on(holder, found, announced))
            for listener in tuple(self._listeners):
                _call(listener)

    # Users

    def users(self) -> tuple[User, ...]:
        """List the own users by name; none in the factory state, and where the file cannot be used."""
        self.refresh()
        try:
            return self._database.read(rows.users)
        except AccessStoreError:
            return ()

    async def add_user(
        self,
        name: str,
        password: str,
        *,
        role: str = "",
        who: str = "",
        source: str = "",
        first: bool = False,
    ) -> User:
        """Add a user; the first one takes the place of a default user, and has the highest role.

        Once this returns, no power cut loses it.

        :param first: for a session of the default user: it must still be there when the user is made.

        Raise `UserError` with the field it is about, `AccessStoreError`.
        """
        normal = normal_name(name, self.rules.default_name)
        good = check_password(normal, password)
        kept = self._usable()
        rows.check_room(list(kept.accounts), normal, self.rules, role, first=first)
        hashed = await self._hasher.make(good)
        at = self._clock()
        detail = f"{normal} ({role})" if role else normal
        added = audit_row(at, AccessKind.USER_ADDED, who=who, source=source, detail=detail)
        gone = audit_row(
            at,
            AccessKind.USER_DELETED,
            who=who,
            source=source,
            detail=f"{self.rules.default_name} (default user)",
        )

        def add(connection: Connection) -> None:
            # Whoever adds a second user must not make the first one of a master that was reset in the meantime.
            is_first = rows.add_user(
                connection,
                normal,
                hashed,
                at,
                self.rules,
                role=role,
                first=first,
                further=bool(kept.accounts),
            )
            for row in (added, gone) if is_first and self.rules.default_user else (added,):
                write_row(connection, row)

        await self._write(add)
        return self._usable().accounts[key_of(normal)].user

    async def change_password(
        self, name: str, password: str, *, who: str = "", source: str = "", keep: Session | None = None
    ) -> None:
        """Give a user a new password; all the user's sessions but one end, tokens stay.

        :param keep: the session that goes on: the one from which this comes.

        Raise `UserError` with the field it is about, `AccessStoreError`.
        """
        account = self._account(name)
        hashed = await self._hasher.make(check_password(account.user.name, password))
        account = self._account(name)
        at = self._clock()
        row = audit_row(at, AccessKind.PASSWORD_CHANGED, who=who, source=source, detail=account.user.name)
        kept_id = keep.id if keep is not None and key_of(keep.user) == account.key else ""
        self._sessions.announce(kept_id, account.epoch + 1)
        try:
            await self._write(lambda connection: rows.set_password(connection, name, hashed, at), row)
        except BaseException:
            self._sessions.announce(kept_id, None)
            raise

    async def set_role(self, name: str, role: str, *, who: str = "", source: str = "") -> None:
        """Give a user another role, which holds at once; tokens keep theirs but may no more than the user.

        Raise `UserError`, also where nobody would be left who may all, and `AccessStoreError`.
        """
        user = self._account(name).user
        detail = f"{user.name}: {role}"
        row = audit_row(self._clock(), AccessKind.ROLE_CHANGED, who=who, source=source, detail=detail)
        await self._write(lambda connection: rows.set_role(connection, name, role, self.rules), row)

    async def delete_user(self, name: str, *, who: str = "", source: str = "") -> None:
        """Delete a user, whose sessions and tokens end, but never the last one, nor the last who may all.

        Raise `UserError`, `AccessStoreError`.
        """
        user = self._account(name).user
        row = audit_row(self._clock(), AccessKind.USER_DELETED, who=who, source=source, detail=user.name)
        await self._write(lambda connection: rows.delete_user(connection, name, self.rules), row)

    async def reset(self, *, who: str = "", source: str = "") -> None:
        """Delete all users, sessions and tokens: a default user is back. A file that cannot be used is set aside.

        The audit log stays, with an entry about this, and so does `is_set_up`. Raise `AccessStoreError`.
        """
        row = audit_row(self._clock(), AccessKind.RESET, who=who, source=source, detail="all users")
        try:
            await self._write(rows.wipe, row)
        except AccessStoreError as error:
            if not error.needs_reset:
                raise
            _log.warning("%s: it is set aside", error)
            await asyncio.wrap_future(self._database.replace())
            self._database.open()
            await self._write(rows.wipe, row)
        self._logins.forget_failures()

    # Logins

    async def log_in(self, name: str, password: str, *, source: str, setup: bool) -> Session:
        """Begin a session.

        :param source: address of the visitor, as the socket knows it.
        :param setup: the visitor comes through the setup interface; only there a default user exists.

        Raise `LoginError`: the same for a wrong name as for a wrong password, after the same time.
        """
        holder = await self._logins.check(name, password, source=source, setup=setup)
        at = self._clock()
        row = audit_row(at, AccessKind.LOGIN, who=holder.name, source=source)

        def remember(connection: Connection) -> None:
            if holder.user is not None:
                rows.logged_in(connection, holder.user, at)
            write_row(connection, row)

        self._database.post(remember, f"login of {holder.name!r} from {row.source!r}")
        return await self._sessions.start(holder, at.astimezone(UTC), source)

    async def confirm(self, session: Session, password: str, *, source: str, setup: bool = False) -> None:
        """Check the password of somebody who is logged in, before a change that matters. Raise `LoginError` as `log_in` does."""
        await self._logins.check(session.user, password, source=source, setup=setup)

    def session(self, identity: str, *, is_use: bool = True) -> Session | None:
        """Give the session of an id; None where there is none or it has ended.

        :param is_use: a person does something; False for what a page asks by itself.
        """
        self.refresh()
        found = self._sessions.find(identity, is_use=is_use)
        if found is None or self._kept is None or found.is_factory:
            return found
        account = self._kept.accounts.get(key_of(found.user))
        return None if account is None else replace(found, role=account.user.role)

    def log_out(self, identity: str, *, source: str = "") -> None:
        """End a session."""
        ended = self._sessions.end(identity)
        if ended is not None:
            self.audit.record(AccessKind.LOGOUT, who=ended.user, source=source or ended.source)

    def log_out_user(self, name: str, *, who: str = "", source: str = "") -> int:
        """End all sessions of a user; give how many there were."""
        account = None if self._kept is None else self._kept.accounts.get(key_of(name))
        ended = 0 if account is None else self._sessions.end_of(account.user.id)
        if account is not None and ended:
            detail = f"all {ended} sessions of {account.user.name}"
            self.audit.record(AccessKind.LOGOUT, who=who or account.user.name, source=source, detail=detail)
        return ended

    # API tokens

    def tokens(self, user: str | None = None) -> tuple[Token, ...]:
        """List the tokens of a user, or of all; none where the file cannot be used."""
        self.refresh()
        try:
            return self._database.read(lambda reader: rows.tokens(reader, user))
        except AccessStoreError:
            return ()

    async def create_token(
        self,
        user: str,
        title: str,
        expires: datetime | None = None,
        *,
        role: str = "",
        source: str = "",
    ) -> tuple[Token, str]:
        """Make a token of a user; give it and its secret, which nobody can see again.

        :param title: 1 to 64 characters in one line; :param expires: aware, in the future; None for never.
        :param role: at most the user's, which is taken where it is empty.

        Raise `TokenError` with the field it is about, `UserError`, `AccessStoreError`.
        """
        at = self._clock()
        title = " ".join(title.split())
        if not title or len(title) > LONGEST_TITLE or not title.isprintable():
            raise TokenError(f"a title has 1 to {LONGEST_TITLE} characters", Problem.TITLE, "title")
        if expires is not None and expires <= at:
            raise TokenError("the end must be in the future", Problem.EXPIRES, "expires")
        owned = self._account(user).user
        owner, role = owned.name, role or owned.role
        if self.rules.lower(role, owned.role) != role:
            raise TokenError("a token may no more than its user", Problem.ROLE, "role")
        secret = self.rules.token_prefix + secrets.token_urlsafe(_TOKEN_BYTES)
        row = audit_row(at, AccessKind.TOKEN_CREATED, who=owner, source=source, detail=title)
        token = await self._write(
            lambda connection: rows.add_token(connection, user, title, _digest(secret), at, expires, role),
            row,
        )
        return token, secret

    async def revoke_token(self, user: str, token: int, *, source: str = "") -> None:
        """End a token of a user. Raise `TokenError`, `UserError`, `AccessStoreError`."""
        owner, at = self._account(user).user.name, self._clock()

        def revoke(connection: Connection) -> None:
            title = rows.delete_token(connection, user, token)
            write_row(
                connection, audit_row(at, AccessKind.TOKEN_REVOKED, who=owner, source=source, detail=title)
            )

        await self._write(revoke)

    def token(self, secret: str, *, source: str) -> User | None:
        """Give the user whose token this is, with the role of the token; None where it is none, has ended or was revoked."""
        self.refresh()
        prefix = self.rules.token_prefix
        if self._kept is None or not secret.startswith(prefix) or len(secret) != len(prefix) + _TOKEN_LENGTH:
            return None
        found = self._kept.tokens.get(_digest(secret))
        at = self._clock()
        if found is None or (found.expires is not None and found.expires <= at):
            return None
        now = self._monotonic()
        if now - self._token_written.get(found.id, float("-inf")) >= TOKEN_WRITE_SECONDS:
            good = {key.id for key in self._kept.tokens.values()}
            self._token_written = {key: when for key, when in self._token_written.items() if key in good}
            self._token_written[found.id] = now
            place = audit_row(at, "", source=source).source
            self._database.post(
                lambda connection: rows.token_used(connection, found.id, at, place), "last use of a token"
            )
        return replace(found.user, role=self.rules.lower(found.role, found.user.role))

    # For the encrypted backup

    def export_secrets(self) -> bytes:
        """Give names and hashes of all users, for a backup that is encrypted. Raise `AccessStoreError`."""
        return pack(
            [
                PackedUser(account.user.name, account.hash, account.user.role)
                for account in self._usable().accounts.values()
            ]
        )

    async def import_secrets(self, data: bytes, *, who: str = "", source: str = "") -> int:
        """Put the users of a backup in the place of all; sessions and tokens end. Give how many; 0 changes nothing.

        Raise `AccessError` where these are no users, `AccessStoreError`.
        """
        accounts = unpack(data, self.rules)
        if accounts:
            at = self._clock()
            row = audit_row(
                at, AccessKind.USERS_RESTORED, who=who, source=source, detail=f"{len(accounts)} users"
            )
            await self._write(lambda connection: rows.restore(connection, accounts, at, self.rules), row)
        return len(accounts)

    def _usable(self) -> Kept:
        self.refresh()
        if self._kept is None:
            raise self._database.trouble or AccessStoreError("the file of the users cannot be read")
        return self._kept

    def _account(self, name: str) -> Account:
        account = self._usable().accounts.get(key_of(name))
        if account is None:
            raise rows.no_such_user()
        return account

    async def _write(self, job: Callable[[Connection], T], row: AuditRow | None = None) -> T:
        """Do a job and write its entry of the audit log in one transaction, and take over what it changed."""

        def both(connection: Connection) -> T:
            result = job(connection)
            if row is not None:
                write_row(connection, row)
            return result

        result = await asyncio.wrap_future(self._database.write(both))
        self.refresh()
        return result


def _call(listener: Callable[[], None]) -> None:
    """A listener that fails must not keep others from being told, nor anybody from logging in."""
    try:
        listener()
    except Exception:
        _log.exception("after a change of the users something went wrong")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
