"""A server's key and certificate on disk, in one file, so that never one is there without the other."""

import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from mbusio.certificates import Pair, ServerNames, alternative_names, make_server, names_in
from mbusio.files import write_atomically

SERVER: Final = "server.pem"
MAX_SIZE: Final = 64 * 1024


def read_pair(path: Path) -> Pair:
    """Read key and certificate; raise `OSError`, or `ValueError` or `TypeError` where the file is damaged."""
    with path.open("rb") as file:
        return Pair.from_pem(file.read(MAX_SIZE))


def write_pair(path: Path, pair: Pair) -> None:
    """Write key and certificate, for their owner only; raise `OSError`."""
    write_atomically(path, pair.to_pem())


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
        """Make a new one if it is time; tell whether that was so. Raise `OSError` when it cannot be written."""
        if not self._is_due(names, now):
            return False
        pair = make_server(self._authority, names, now)
        write_pair(self.path, pair)
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
            certificate = read_pair(self.path).certificate
            certificate.verify_directly_issued_by(self._authority.certificate)
            self._take(certificate)
        except Exception:  # whatever is wrong with it, a new one is made
            return

    def _take(self, certificate: x509.Certificate) -> None:
        names = names_in(certificate)
        self._begins, self.expires = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        self.names = names
