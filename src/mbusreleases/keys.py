"""The keys of those who make releases: private keys in files, each for one role.

::

    KEYS/offline/   root-1, root-2, root-3 (two of them sign), targets, and snapshot and timestamp for release files
    KEYS/online/    snapshot and timestamp of the update server: the only ones that it holds

A key is Ed25519 as PKCS #8 in PEM, encrypted with a passphrase; the online ones may be plain: a server signs with nobody there.
"""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from mbusreleases.errors import KeyFileError

OFFLINE: Final = "offline"
ONLINE: Final = "online"
ROOTS: Final = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD: Final = 2


def make_key(path: Path, passphrase: bytes | None) -> CryptoSigner:
    """Make a key and write it where there is none yet, readable by its owner only; raise `KeyFileError`."""
    key = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise KeyFileError(f"{path} is there already: keys are never written over") from None
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return CryptoSigner(key)


def load_key(path: Path, passphrase: bytes | None) -> CryptoSigner:
    """Read a key; raise `KeyFileError`."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"there is no key {path} ({error.strerror})") from error
    try:
        encrypted = b"ENCRYPTED" in pem
        key = load_pem_private_key(pem, passphrase if encrypted else None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path} cannot be read: wrong passphrase, or no key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key")
    return CryptoSigner(key)
