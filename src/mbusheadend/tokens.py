"""Enrolment tokens: made for people to carry to a master, known here by a hash only."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.authority import Authority
from mbusheadend.store import Enrolment
from mbushosting.enrolment import SECRET, Token

TOKEN_DAYS: Final = 7
LONGEST_DAYS: Final = 365
_PURPOSE: Final = b"mbus enrolment token 1\0"


async def make_token(
    book: Enrolment, authority: Authority, now: datetime, days: float = TOKEN_DAYS, note: str = ""
) -> Token:
    """Make a token that takes one master in, within so many days."""
    token = Token(authority.fingerprint, secrets.token_bytes(SECRET))
    await book.add_token(token_hash(token.secret), now + timedelta(days=days), note, now)
    return token


def token_hash(secret: bytes) -> bytes:
    """Give what is stored of a token. The secret is random and long: a slow hash would not make it safer."""
    return hashlib.sha256(_PURPOSE + secret).digest()


def secret_of(password: str) -> bytes | None:
    """Give the secret that a master sent as its password; None where it can be none."""
    try:
        secret = bytes.fromhex(password)
    except ValueError:
        return None
    return secret if len(secret) == SECRET else None
