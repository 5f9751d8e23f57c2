"""Whose name and password these are: found out one at a time, and for those who fail less and less often."""

import hmac
import math
from collections.abc import Callable
from typing import Final

from mbusweb.access import rows
from mbusweb.access.audit import AccessKind, AuditLog
from mbusweb.access.connection import Keeper
from mbusweb.access.errors import LoginError, Problem
from mbusweb.access.hashing import Hasher
from mbusweb.access.names import key_of
from mbusweb.access.passwords import could_be_password, normal_password
from mbusweb.access.rows import Account, Kept
from mbusweb.access.rules import Rules
from mbusweb.access.sessions import Holder
from mbusweb.access.throttle import Throttle

MOST_CHECKING: Final = 16
"""Passwords that wait to be looked at, one after the other; more are sent away."""
BUSY_SECONDS: Final = 2.0


class Logins:
    """Checks names and passwords.

    :param refresh: takes over what has changed in the file.
    :param kept: what decides about a login, as it was taken over last; None where the file cannot be used.
    """

    def __init__(
        self,
        database: Keeper,
        rules: Rules,
        audit: AuditLog,
        hasher: Hasher,
        monotonic: Callable[[], float],
        *,
        refresh: Callable[[], None],
        kept: Callable[[], Kept | None],
    ) -> None:
        self._database = database
        self._rules = rules
        self._audit = audit
        self._hasher = hasher
        self._monotonic = monotonic
        self._refresh = refresh
        self._kept = kept
        self._throttle = Throttle()
        self._checking = 0

    async def check(self, name: str, password: str, *, source: str, setup: bool) -> Holder:
        """Give whose password this is; `source` and `setup` as `Access.log_in` has them. Raise `LoginError`."""
        self._refresh()
        kept = self._kept()
        if kept is None:
            raise LoginError(f"nobody can log in: {self._database.trouble or ''}", Problem.UNUSABLE)
        if self._checking >= MOST_CHECKING and not setup:
            raise LoginError("too many logins at the same time; try again", Problem.BUSY, BUSY_SECONDS)
        key = key_of(name)
        attempt = self._throttle.begin(key, source, self._monotonic(), at_device=setup)
        if attempt.wait_seconds > 0:
            message = f"too many failed logins; try again in {math.ceil(attempt.wait_seconds)} s"
            raise LoginError(message, Problem.WAIT, attempt.wait_seconds)
        account = kept.accounts.get(key)
        self._checking += 1
        try:
            holder = await self._right_holder(key, password, account)
        finally:
            self._checking -= 1
        # While a hash was computed the user may have been deleted, reset, or given another password.
        self._refresh()
        wait = attempt.next_wait_seconds
        if holder is None or not may_go_on(holder, self._kept()):
            what = "wrong password" if account is not None else "no such user"
            # A name that is no user's is not written down: people type passwords there.
            self._record_failure(account.user.name if account is not None else "", source, what, wait)
            raise LoginError("wrong user name or password", Problem.WRONG_LOGIN, wait)
        if holder.user is None and not setup:
            message = "the default user logs in from the setup interface only"
            self._record_failure(holder.name, source, message, wait)
            raise LoginError(message, Problem.SETUP_ONLY, wait)
        self._throttle.succeeded(attempt)
        return holder

    def forget_failures(self) -> None:
        """Let nobody wait, after somebody at the device has reset the users."""
        self._throttle.forget_all()

    async def _right_holder(self, key: str, password: str, account: Account | None) -> Holder | None:
        """Tell who has this name and this password, after the same time whether there is such a user or not."""
        plausible = could_be_password(password)
        given = normal_password(password) if plausible else ""
        fits = await self._hasher.fits(account.hash if account is not None else None, given)
        if account is not None:
            if not fits or not plausible:
                return None
            await self._renew_hash(account, given)
            return Holder(account.user.id, account.user.name, account.epoch)
        default = self._rules.default_user
        if default is None or key != key_of(default.name):
            return None
        if not hmac.compare_digest(given.encode(), default.password.encode()):
            return None
        kept = self._kept()
        return None if kept is None else Holder(None, default.name, kept.era)

    async def _renew_hash(self, account: Account, password: str) -> None:
        """Make a new hash where the parameters have changed since."""
        if self._hasher.is_outdated(account.hash):
            new = await self._hasher.make(password)
            user, old = account.user.id, account.hash
            self._database.post(
                lambda connection: rows.replace_hash(connection, user, old, new), "a renewed hash"
            )

    def _record_failure(self, who: str, source: str, what: str, wait_seconds: float) -> None:
        detail = f"{what}; next try in {math.ceil(wait_seconds)} s" if wait_seconds else what
        self._audit.record(AccessKind.LOGIN_FAILED, who=who, source=source, detail=detail, outcome="refused")


def may_go_on(holder: Holder, kept: Kept | None, announced: int | None = None) -> bool:
    """Tell whether a session of this holder can go on.

    :param announced: an epoch that the password is about to get and that is good as well.
    """
    if kept is None:
        return False
    if holder.user is None:
        return kept.is_factory and holder.epoch == kept.era
    account = kept.accounts.get(key_of(holder.name))
    return (
        account is not None and account.user.id == holder.user and account.epoch in (holder.epoch, announced)
    )
