"""Whom a local master's TLS trusts and who we are there: files below the state folder that only the head-end reads.

``local/SERIAL/client.pem`` holds our key and certificate, ``local/SERIAL/authority.pem`` whom to trust. A passphrase opens the
key once, when it comes; it is kept nowhere.
"""

import shutil
import ssl
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mbusheadend.local.errors import LocalError
from mbusio.errors import TransportOpenError
from mbusio.files import remove_for_good, write_atomically
from mbusio.transport.bundle import unlocked
from mbusio.transport.tls import client_context
from mbusio.transport.url import Endpoint
from mbusweb.texts import Text, mark

FOLDER: Final = "local"
MAX_SIZE: Final = 1 << 18
_CLIENT: Final = "client.pem"
_AUTHORITY: Final = "authority.pem"
_FOLDER_MODE: Final = 0o700
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


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there, without anything secret: whether we have a certificate, whether an authority is named."""

    client: bool
    authority: bool


def keep(state: Path, serial: str, credentials: Credentials) -> None:
    """Store what was handed in, or nothing of it. Blocks. Raise `LocalError` where it is of no use, `OSError` of the disk."""
    files = _checked(credentials)
    if not files:
        return
    folder = _folder(state, serial)
    folder.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    for name, data in files.items():
        write_atomically(folder / name, data)


def forget(state: Path, serial: str) -> None:
    """Remove all of it. Blocks; raise `OSError`."""
    folder = _folder(state, serial)
    if folder.is_dir():
        for name in (_CLIENT, _AUTHORITY):
            remove_for_good(folder / name)
        shutil.rmtree(folder)


def kept(state: Path, serial: str) -> Kept:
    """Tell what is there. Blocks."""
    folder = _folder(state, serial)
    return Kept((folder / _CLIENT).is_file(), (folder / _AUTHORITY).is_file())


def with_credentials(endpoint: Endpoint, state: Path, serial: str) -> Endpoint:
    """Give the endpoint of a TLS master with the files that are kept for it; a pinned certificate needs no authority. Blocks."""
    if endpoint.kind != "tls":
        return endpoint
    folder, there = _folder(state, serial), kept(state, serial)
    return replace(
        endpoint,
        cert=str(folder / _CLIENT) if there.client else None,
        ca=str(folder / _AUTHORITY) if there.authority and endpoint.fingerprint is None else None,
    )


def _folder(state: Path, serial: str) -> Path:
    return state / FOLDER / serial


def _checked(credentials: Credentials) -> dict[str, bytes]:
    """Give the files to be kept, by name."""
    for data in (credentials.bundle, credentials.authority):
        if data is not None and len(data) > MAX_SIZE:
            raise LocalError(Text(_TOO_LARGE))
    files: dict[str, bytes] = {}
    if credentials.bundle is not None:
        try:
            key, certificates = unlocked(credentials.bundle, credentials.passphrase)
        except TransportOpenError as error:
            raise LocalError(Text(_UNUSABLE, {"reason": str(error)})) from error
        files[_CLIENT] = key + b"".join(certificates)
        if len(certificates) > 1:
            files[_AUTHORITY] = b"".join(certificates[1:])
    if credentials.authority is not None:
        files[_AUTHORITY] = credentials.authority
    _try_out(files)
    return files


def _try_out(files: dict[str, bytes]) -> None:
    """Refuse what OpenSSL does not take."""
    if _AUTHORITY in files:
        try:
            text = files[_AUTHORITY].decode("ascii")
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError) as error:
            raise LocalError(Text(_NO_AUTHORITY)) from error
    if _CLIENT in files:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / _CLIENT
            path.write_bytes(files[_CLIENT])
            try:
                client_context(cert=str(path))
            except TransportOpenError as error:
                reason = "the key is not that of the certificate, or one of them is damaged"
                raise LocalError(Text(_UNUSABLE, {"reason": reason})) from error
