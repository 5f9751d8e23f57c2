"""The gateway's own keys on disk: its authority, and the server certificate that this one signs."""

import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from mbusmaster.channels.trust.certificates import (
    Pair,
    alternative_names,
    make_authority,
    make_server,
    names_in,
)
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.model import ServerNames
from mbusmaster.settings.store import write_atomically

AUTHORITY: Final = "authority.pem"
SERVER: Final = "server.pem"
"""Key and certificate in one file each, so that never one is there without the other."""
MAX_SIZE: Final = 64 * 1024


def load_authority(folder: Path, now: datetime.datetime) -> Pair:
    """Read the authority, made where there is none; the caller keeps other processes from doing the same meanwhile.

    Raise `TrustError` when it is damaged: a new one would lock out every client that has a bundle; that is for people to decide.
    """
    path = folder / AUTHORITY
    try:
        return Pair.from_pem(_read(path))
    except FileNotFoundError:
        pair = make_authority(now)
        _write(path, pair)
        return pair
    except (ValueError, TypeError) as error:
        raise TrustError(
            f"{path} is damaged ({error}): restore it from a backup; or remove the folder {folder}, "
            "and issue every client's bundle again"
        ) from error


def save_authority(folder: Path, pair: Pair) -> None:
    """Put another authority in the place of the one there. Raise `TrustError`."""
    _write(folder / AUTHORITY, pair)


class ServerCertificate:
    """The server certificate, renewed when two thirds of its time are over, and when the machine is called something more.

    What it says is read once: the code that reads certificates takes six megabytes, and need not stay in memory for a look now
    and then.

    :ivar path: of the file with key and certificate.
    :ivar expires: its end; None while there is none.
    :ivar names: names and addresses that it carries.
    """

    def __init__(self, folder: Path, authority: Pair) -> None:
        self.path = folder / SERVER
        self.expires: datetime.datetime | None = None
        self.names: tuple[str, ...] = ()
        self._begins: datetime.datetime | None = None
        self._authority = authority
        self._load()

    def refresh(self, names: ServerNames, now: datetime.datetime) -> bool:
        """Make a new one if it is time; tell whether that was so. Raise `TrustError` when it cannot be written."""
        if not self._is_due(names, now):
            return False
        pair = make_server(self._authority, names, now)
        _write(self.path, pair)
        self._take(pair.certificate)
        return True

    def is_old(self, now: datetime.datetime) -> bool:
        """Tell whether its time is over by two thirds, or has not come: then the clock was wrong when it was made."""
        if self._begins is None or self.expires is None:
            return True
        return not self._begins <= now < self._begins + (self.expires - self._begins) * 2 / 3

    def _is_due(self, names: ServerNames, now: datetime.datetime) -> bool:
        # A name or address that is gone does no harm: links that come and go make no new certificate each time.
        wanted = {str(name.value) for name in alternative_names(names)}
        return self.is_old(now) or not wanted <= set(self.names)

    def _load(self) -> None:
        try:
            certificate = Pair.from_pem(_read(self.path)).certificate
            certificate.verify_directly_issued_by(self._authority.certificate)
            self._take(certificate)
        except Exception:  # whatever is wrong with it, a new one is made
            return

    def _take(self, certificate: x509.Certificate) -> None:
        names = names_in(certificate)
        self._begins, self.expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        self.names = names


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SIZE)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror or error}") from error


def _write(path: Path, pair: Pair) -> None:
    try:
        write_atomically(path, pair.to_pem())
    except OSError as error:
        raise TrustError(f"cannot write {path}: {error.strerror or error}") from error
