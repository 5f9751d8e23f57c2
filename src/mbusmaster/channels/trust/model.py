"""The words in which trust is told: clients, authorities, refusals, the state as a whole."""

import datetime
from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Where the trust in a client comes from."""

    OWN = "own"
    """Its certificate was issued here."""
    SINGLE = "single"
    """Its certificate was added by itself."""
    AUTHORITY = "authority"
    """Its certificate comes from an authority that was added."""


class Kind(StrEnum):
    """What a certificate that was added lets in."""

    AUTHORITY = "authority"
    """Everybody whose certificate it has signed itself."""
    SINGLE = "single"
    """Only the client that has it."""


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """One client, trusted or revoked.

    :ivar id: SHA-256 of its certificate, in hex.
    :ivar serial: of its certificate, in hex.
    :ivar issuer: the name of who signed it.
    :ivar revoked: when that was; None while it is trusted.
    :ivar seen: when it last connected, to the minute.
    """

    id: str
    name: str
    origin: Origin
    serial: str
    issuer: str
    issued: datetime.datetime
    expires: datetime.datetime
    revoked: datetime.datetime | None = None
    seen: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Foreign:
    """A certificate from elsewhere that was added.

    :ivar id: its SHA-256, in hex.
    """

    id: str
    kind: Kind
    name: str
    issuer: str
    expires: datetime.datetime
    added: datetime.datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a certificate is not trusted.

    :ivar kind: short, for the log to keep repetitions out.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TrustState:
    """How things stand, for the page.

    :ivar clients: how many can come in now with a certificate that was issued or added here.
    :ivar authorities: how many others can let clients in.
    :ivar problem: why nobody can come in; empty when somebody can.
    :ivar authority: SHA-256 of this master's own authority, in hex.
    :ivar server_expires: end of the server certificate, which is renewed long before; None until it was first needed.
    :ivar server_names: names and addresses that it carries.
    """

    clients: int
    authorities: int
    problem: str
    authority: str
    server_expires: datetime.datetime | None
    server_names: tuple[str, ...]
