"""The head-end's own certificate authority: it signs the masters that were taken in, and the server that they call."""

import base64
import fcntl
import hashlib
import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mbusheadend.errors import HeadEndError
from mbushosting.enrolment import FINGERPRINT
from mbusio.certificates import ClientKey, Pair, ServerNames, der_of, make_authority, pem_of, sign_client
from mbusio.keyfiles import ServerCertificate, read_pair, write_pair

AUTHORITY: Final = "authority.pem"
MASTER_DAYS: Final = 365


class Authority:
    """The authority in a folder; `open_authority` gives it.

    :param folder: with its key, and the server's.
    """

    def __init__(self, folder: Path, pair: Pair) -> None:
        self._folder = folder
        self._pair = pair
        self._server = ServerCertificate(folder, pair)

    @property
    def certificate(self) -> x509.Certificate:
        """What masters are to trust."""
        return self._pair.certificate

    @property
    def fingerprint(self) -> bytes:
        """What tokens carry: the first bytes of the SHA-256 of the certificate."""
        return hashlib.sha256(der_of(self.certificate)).digest()[:FINGERPRINT]

    def secret_for(self, purpose: str) -> str:
        """Give a secret that whoever has the authority's key knows, and nobody else; the same each time."""
        key = HKDF(hashes.SHA256(), 32, None, purpose.encode()).derive(self._pair.to_pem())
        return base64.urlsafe_b64encode(key).decode().rstrip("=")

    def sign(
        self, key: ClientKey, serial: str, now: datetime, days: float, organization: str = ""
    ) -> x509.Certificate:
        """Make the certificate of a master.

        :param organization: says whose master it is, where it is not the main tenant's (`mbusheadend.tenants.tenant`).
        """
        return sign_client(self._pair, key, serial, now, days, organization)

    def server_context(self, names: ServerNames, now: datetime) -> ssl.SSLContext:
        """Make the context of the server: TLS 1.3; a certificate is not demanded, but one that is shown must be from here.

        Raise `HeadEndError`.
        """
        self._renew(names, now)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_OPTIONAL
        # With tickets a revoked master would resume without showing its certificate.
        context.num_tickets = 0
        context.set_alpn_protocols(["http/1.1"])
        context.load_verify_locations(cadata=pem_of(self.certificate).decode("ascii"))
        context.load_cert_chain(self._server.path)
        return context

    def refresh(self, context: ssl.SSLContext, names: ServerNames, now: datetime) -> bool:
        """Renew the server's certificate if it is time, for the next handshakes; tell whether it was. Raise `HeadEndError`."""
        if not self._renew(names, now):
            return False
        context.load_cert_chain(self._server.path)
        return True

    def show(self, context: ssl.SSLContext) -> None:
        """Let another context show the server's certificate, as it is now, from the next handshake on."""
        context.load_cert_chain(self._server.path)

    def _renew(self, names: ServerNames, now: datetime) -> bool:
        try:
            return self._server.refresh(names, now)
        except OSError as error:
            raise HeadEndError(f"cannot write {self._server.path}: {error.strerror or error}") from error


def open_authority(folder: Path, now: datetime) -> Authority:
    """Give the authority, made where there is none. Raise `HeadEndError`.

    A damaged one is not made anew: no master would trust the new one.
    """
    path = folder / AUTHORITY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder):
            try:
                pair = read_pair(path)
            except FileNotFoundError:
                pair = make_authority("M-Bus head-end authority", now)
                write_pair(path, pair)
    except OSError as error:
        raise HeadEndError(f"cannot use {path}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise HeadEndError(
            f"{path} is damaged ({error}): restore it from a backup; or remove it, and enrol every master again"
        ) from error
    return Authority(folder, pair)


def server_names(names: Iterable[str]) -> ServerNames:
    """Sort names and addresses."""
    hosts, addresses = [], []
    for name in names:
        try:
            addresses.append(str(ip_address(name.strip("[]"))))
        except ValueError:
            hosts.append(name)
    return ServerNames(tuple(hosts), tuple(addresses))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from making an authority at the same time."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
