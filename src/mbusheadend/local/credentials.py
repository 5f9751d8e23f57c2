"""Who we are to local masters behind TLS, and whom we trust there: handed in as files, kept by the store, files for OpenSSL.

A passphrase opens the key once, when it comes; it is kept nowhere.
"""

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization

from mbusheadend.local.errors import LocalError
from mbusheadend.store import Store
from mbusheadend.store.local import LocalKeys
from mbusio.errors import TransportOpenError
from mbusio.files import write_atomically
from mbusio.transport.bundle import unlocked
from mbusio.transport.tls import client_context
from mbusio.transport.url import Endpoint
from mbusweb.texts import Text, mark

MAX_SIZE: Final = 1 << 18
_TOO_LARGE: Final = mark("The file is too large for keys and certificates")
_NO_AUTHORITY: Final = mark("There is no certificate of an authority in the file; it has to be PEM")
_UNUSABLE: Final = mark("The key or the certificates cannot be used: %(reason)s")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files as somebody hands them in; None leaves what is kept as it is.

    :ivar bundle: key and certificates in one file, PEM or PKCS#12, as the master gives them out.
    :ivar passphrase: of the bundle.
    :ivar authority: PEM, instead of the authority in the bundle.
    """

    bundle: bytes | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    authority: bytes | None = None


NO_CREDENTIALS: Final = Credentials()


def checked_keys(credentials: Credentials) -> LocalKeys:
    """Give what is kept of them. Blocks. Raise `LocalError` where it is of no use."""
    for data in (credentials.bundle, credentials.authority):
        if data is not None and len(data) > MAX_SIZE:
            raise LocalError(Text(_TOO_LARGE))
    client, authority = None, credentials.authority
    if credentials.bundle is not None:
        try:
            key, certificates = unlocked(credentials.bundle, credentials.passphrase)
        except TransportOpenError as error:
            raise LocalError(Text(_UNUSABLE, {"reason": str(error)})) from error
        client = key + b"".join(certificates)
        if authority is None and len(certificates) > 1:
            authority = b"".join(certificates[1:])
    keys = LocalKeys(client, authority)
    _try_out(keys)
    return keys


@asynccontextmanager
async def with_keys(endpoint: Endpoint, store: Store, serial: str) -> AsyncIterator[Endpoint]:
    """Give the endpoint of a TLS master with the keys that are kept for it, in files that are there as long as this lasts.

    A pinned certificate needs no authority. Raise `StoreError`, and `LocalError` where the disk takes no files.
    """
    if endpoint.kind != "tls":
        yield endpoint
        return
    keys = await store.local_keys(serial)
    if endpoint.fingerprint is not None:
        keys = replace(keys, authority=None)
    files = _in_files(keys)
    try:
        paths = await asyncio.to_thread(files.__enter__)
    except OSError as error:
        raise LocalError(Text(_UNUSABLE, {"reason": error.strerror or str(error)})) from error
    try:
        yield replace(endpoint, cert=paths.cert, ca=paths.ca, passphrase=paths.passphrase)
    finally:
        await asyncio.to_thread(files.__exit__, None, None, None)


@dataclass(frozen=True, slots=True)
class _Files:
    cert: str | None
    ca: str | None
    passphrase: str = field(repr=False)


@contextmanager
def _in_files(keys: LocalKeys) -> Iterator[_Files]:
    """Write keys where only our user reads, for OpenSSL takes them from files only; the private one under a passphrase for once.

    So what is left by a process that is killed meanwhile opens nothing. Raise `OSError`.
    """
    once = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory(prefix="mbusheadend-") as name:
        client, authority = Path(name) / "client.pem", Path(name) / "authority.pem"
        if keys.client is not None:
            write_atomically(client, _locked(keys.client, once))
        if keys.authority is not None:
            write_atomically(authority, keys.authority)
        yield _Files(
            str(client) if keys.client is not None else None,
            str(authority) if keys.authority is not None else None,
            once,
        )


def _locked(client: bytes, passphrase: str) -> bytes:
    key = serialization.load_pem_private_key(client, None)
    certificates = client[client.index(b"-----BEGIN CERTIFICATE-----") :]
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, encryption) + certificates


def _try_out(keys: LocalKeys) -> None:
    """Refuse what OpenSSL does not take."""
    if keys.authority is not None:
        try:
            text = keys.authority.decode("ascii")
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError) as error:
            raise LocalError(Text(_NO_AUTHORITY)) from error
    if keys.client is not None:
        try:
            with _in_files(replace(keys, authority=None)) as files:
                client_context(cert=files.cert, passphrase=files.passphrase)
        except OSError as error:
            raise LocalError(Text(_UNUSABLE, {"reason": error.strerror or str(error)})) from error
        except TransportOpenError as error:
            reason = "the key is not that of the certificate, or one of them is damaged"
            raise LocalError(Text(_UNUSABLE, {"reason": reason})) from error
