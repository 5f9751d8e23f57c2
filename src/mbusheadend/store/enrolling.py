"""What the store knows of enrolment tokens and certificates."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token, by the hash of its secret; the secret itself is nowhere.

    :ivar used_by: serial number of the master that was taken in with it.
    """

    hash: bytes
    added: datetime
    expires: datetime
    note: str
    used: datetime | None
    used_by: str | None


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate that was issued to a master.

    :ivar number: its serial number.
    :ivar revoked: since when it is not trusted any more.
    """

    serial: str
    number: int
    issued: datetime
    not_after: datetime
    revoked: datetime | None
