"""The token with which a master is taken in.

A token is one word for people to copy: ``mbus1-`` and base32 of the fingerprint of the head-end's authority (SHA-256 of the DER
certificate, its first 16 bytes) and of a secret of 20 bytes. The fingerprint lets the master know whom it talks to before it
trusts anybody; the secret works once. Certificates are issued by EST (RFC 7030): the secret is the password of
``/.well-known/est/simpleenroll``, the user name is the master's serial number; later ones by ``simplereenroll`` with the old one.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "mbus1-"
FINGERPRINT: Final = 16
SECRET: Final = 20
EST: Final = "/.well-known/est"


class TokenError(ValueError):
    """This is no token; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says.

    :ivar fingerprint: first bytes of the SHA-256 of the authority's certificate.
    """

    fingerprint: bytes
    secret: bytes

    def __str__(self) -> str:
        word = base64.b32encode(self.fingerprint + self.secret).decode("ascii").rstrip("=").lower()
        return PREFIX + word

    @property
    def password(self) -> str:
        """The secret as the password of HTTP Basic: hex."""
        return self.secret.hex()

    def __repr__(self) -> str:
        return f"Token(fingerprint={self.fingerprint.hex()}, secret=…)"


def read_token(text: str) -> Token:
    """Read what a person copied; raise `TokenError`."""
    word = "".join(text.split())
    if not word.lower().startswith(PREFIX):
        raise TokenError(f"an enrolment token begins with {PREFIX}")
    body = word[len(PREFIX) :].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except binascii.Error:
        raise TokenError("the enrolment token has letters that no token has: copy it again") from None
    if len(raw) != FINGERPRINT + SECRET:
        raise TokenError("the enrolment token is not complete: copy it again")
    return Token(raw[:FINGERPRINT], raw[FINGERPRINT:])
