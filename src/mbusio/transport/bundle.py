"""A client's bundle: key, certificate and authority in one file, PEM or PKCS#12, as gateways issue them."""

import os
import re
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import Final

from mbusio.errors import TransportOpenError

PASSPHRASE_VARIABLE: Final = "MBUS_PASSPHRASE"  # noqa: S105 - the name of it
MAX_SIZE: Final = 1 << 20
_PEM_MARK: Final = b"-----BEGIN"
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


def passphrase_in_environment() -> str | None:
    """Give the passphrase that the environment holds."""
    return os.environ.get(PASSPHRASE_VARIABLE)


def needs_passphrase(path: str) -> bool:
    """Tell whether a bundle cannot be opened without one; false also where the file is no bundle at all."""
    try:
        data = _read(path)
    except TransportOpenError:
        return False
    if _PEM_MARK in data:
        return b"ENCRYPTED" in data
    try:
        _open_pkcs12(path, data, None)
    except _LockedError:
        return True
    except TransportOpenError:
        return False
    return False


def use_bundle(context: ssl.SSLContext, path: str, passphrase: str | None, *, trust: bool) -> None:
    """Let a context show the bundle's certificate.

    :param trust: whether its authority is trusted too.

    Raise `TransportOpenError`.
    """
    data = _read(path)
    if _PEM_MARK in data:
        load_chain(context, path, None, passphrase, f"bundle={path}")
        chain = data.decode("ascii", "replace")
    else:
        chain = _use_pkcs12(context, path, data, passphrase)
    if trust:
        try:
            context.load_verify_locations(cadata=_certificates(chain))
        except ssl.SSLError as error:
            raise TransportOpenError(
                f"bundle={path}: there is no authority in it; give it with ca=FILE"
            ) from error


def load_chain(
    context: ssl.SSLContext, cert: str, key: str | None, passphrase: str | None, where: str
) -> None:
    """Let a context show a certificate; raise `TransportOpenError` that says where the trouble is."""
    try:
        # With an empty passphrase OpenSSL asks nobody at the terminal.
        context.load_cert_chain(cert, key, lambda: passphrase or "")
    except (OSError, ValueError) as error:
        if passphrase is None and _is_locked(key or cert):
            raise _locked(where) from error
        reason = (
            error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
        )
        raise TransportOpenError(
            f"{where}: {reason or _reason(error)}; give PEM files of a certificate and its own key, "
            f"and the passphrase of the key, if it has one, in {PASSPHRASE_VARIABLE}"
        ) from error


def unlocked(data: bytes, passphrase: str | None) -> tuple[bytes, list[bytes]]:
    """Give the key of a bundle, without passphrase, and its certificates, our own first; PEM all of them.

    For whoever keeps a bundle where only its owner can read it. Needs the package cryptography. Raise `TransportOpenError`.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    key: object
    where = "the bundle"
    if _PEM_MARK not in data:
        key, chain = _open_pkcs12(where, data, passphrase)
    else:
        text = data.decode("ascii", "replace")
        found = _PRIVATE_KEY.search(text)
        chain = _certificates(text)
        if found is None or not chain:
            raise TransportOpenError(f"{where}: there is no key with its certificate in it")
        is_locked = "ENCRYPTED" in found.group()
        password = passphrase.encode() if passphrase and is_locked else None
        try:
            key = serialization.load_pem_private_key(found.group().encode(), password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            if is_locked:
                raise _locked(where, wrong=bool(passphrase)) from error
            raise TransportOpenError(f"{where}: its key cannot be read") from error
    pem: bytes = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    end = "-----END CERTIFICATE-----\n"
    return pem, [(part + end).encode() for part in chain.split(end) if part.strip()]


def _use_pkcs12(context: ssl.SSLContext, path: str, data: bytes, passphrase: str | None) -> str:
    key, chain = _open_pkcs12(path, data, passphrase)
    # The standard library takes keys from files only: this one lies there encrypted, for a moment.
    once = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.pem"
        file.write_bytes(_as_pem(key, once) + chain.encode())
        load_chain(context, str(file), None, once, f"bundle={path}")
    return chain


def _open_pkcs12(path: str, data: bytes, passphrase: str | None) -> tuple[object, str]:
    try:
        from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
    except ImportError as error:
        raise TransportOpenError(
            f"bundle={path}: PKCS#12 needs the package cryptography (mbusmaster[crypto]); without it, take the PEM bundle"
        ) from error
    try:
        bundle = pkcs12.load_pkcs12(data, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        if "password" in str(error).lower():
            raise _LockedError(str(_locked(f"bundle={path}", wrong=passphrase is not None))) from error
        raise TransportOpenError(f"bundle={path}: is neither PEM nor PKCS#12") from error
    if bundle.key is None or bundle.cert is None:
        raise TransportOpenError(f"bundle={path}: there is no key with its certificate in it")
    certificates = [bundle.cert, *bundle.additional_certs]
    return bundle.key, "".join(one.certificate.public_bytes(Encoding.PEM).decode() for one in certificates)


def _as_pem(key: object, passphrase: str) -> bytes:
    from cryptography.hazmat.primitives import serialization

    pem: bytes = key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    return pem


def _certificates(pem: str) -> str:
    """Leave everything out but the certificates."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    parts = pem.split(begin)[1:]
    return "".join(f"{begin}{part.partition(end)[0]}{end}\n" for part in parts)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_SIZE)
    except OSError as error:
        raise TransportOpenError(f"bundle={path}: {error.strerror or error}") from error


def _is_locked(path: str) -> bool:
    try:
        return b"ENCRYPTED" in Path(path).read_bytes()
    except OSError:
        return False


class _LockedError(TransportOpenError):
    pass


def _locked(where: str, *, wrong: bool = False) -> TransportOpenError:
    what = "the passphrase is wrong" if wrong else "a passphrase is needed"
    return TransportOpenError(f"{where}: {what}; put it into the environment as {PASSPHRASE_VARIABLE}")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if reason else str(error)
