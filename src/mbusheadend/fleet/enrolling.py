"""Enrolment tokens as people make them: shown once, with all that whoever goes to the master needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.authority import Authority
from mbusheadend.fleet.desk import Desk
from mbusheadend.store import StoredToken
from mbusheadend.tokens import LONGEST_DAYS, make_token

LONGEST_NOTE: Final = 200


class EnrolmentError(ValueError):
    """No such token is made; `field` says which of ``days`` and ``note`` is wrong."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token as it is shown, once.

    :ivar fingerprint: of the authority: the first bytes of its SHA-256, in pairs of hex digits.
    :ivar command: for the master's command line.
    """

    token: str
    url: str
    fingerprint: str
    expires: datetime
    note: str

    @property
    def command(self) -> str:
        """What is typed on the master."""
        return f"mbusmaster enrol {self.url} {self.token}"


async def make_enrolment(desk: Desk, authority: Authority, days: int, note: str) -> MadeToken:
    """Make a token that takes one master in within so many days. Raise `EnrolmentError`, `StoreError`."""
    note = note.strip()
    if not 1 <= days <= LONGEST_DAYS:
        raise EnrolmentError("days")
    if len(note) > LONGEST_NOTE or (note and not note.isprintable()):
        raise EnrolmentError("note")
    now = desk.now()
    token = await make_token(desk.store, authority, now, days, note)
    return MadeToken(str(token), desk.url, fingerprint_of(authority), now + timedelta(days=days), note)


def fingerprint_of(authority: Authority) -> str:
    """Give the fingerprint as people compare it."""
    return authority.fingerprint.hex(":").upper()


def is_usable(token: StoredToken, now: datetime) -> bool:
    """Tell whether a token still takes a master in."""
    return token.used is None and token.expires > now
