"""Keys of encrypted meters, as they lie in the store: AES-256-GCM under a key that lies in a file of its own.

Whoever has the store, or a backup of it, without that file has no key of any meter.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mbus.application.security import KEY_SIZE
from mbusio.files import sync_folder, write_atomically

FILE_SIZE: Final = 32
_NONCE: Final = 12
_OTHER: Final = "secret of the "
"""In front of purposes, so that none is the identity of a meter."""


class KeyFileError(Exception):
    """The file is no key file, or not the one with which the keys were stored."""


class Vault:
    """Closes and opens keys of meters.

    :param secret: of 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != FILE_SIZE:
            raise KeyFileError(f"a key file has {FILE_SIZE} bytes, this one {len(secret)}")
        self._cipher = AESGCM(secret)

    @classmethod
    def from_file(cls, path: Path) -> "Vault":
        """Open a key file, which is made where there is none; raise `KeyFileError`."""
        try:
            if not path.exists():
                _make(path)
            with path.open("rb") as file:
                return cls(file.read(FILE_SIZE + 1))
        except OSError as error:
            raise KeyFileError(f"the key file {path} cannot be used: {error}") from error

    def close(self, key: bytes, identity: str) -> bytes:
        """Give the key of a meter as it may be stored; it opens for this meter only. Raise `ValueError`."""
        if len(key) != KEY_SIZE:
            raise ValueError(f"the key of a meter has {KEY_SIZE} bytes")
        return self._closed(key, identity)

    def open(self, closed: bytes, identity: str) -> bytes:
        """Give the key of a meter; raise `KeyFileError` where it was stored under another file or for another meter."""
        try:
            return self._cipher.decrypt(closed[:_NONCE], closed[_NONCE:], identity.encode())
        except (InvalidTag, ValueError):
            raise KeyFileError(f"the key file does not open the key of the meter {identity}") from None

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Give another secret, a password, as it may be stored; it opens for this purpose only."""
        return self._closed(secret, _OTHER + purpose)

    def unseal(self, closed: bytes, purpose: str) -> bytes:
        """Give what was sealed; raise `KeyFileError` where it was under another file or for another purpose."""
        try:
            return self._cipher.decrypt(closed[:_NONCE], closed[_NONCE:], (_OTHER + purpose).encode())
        except (InvalidTag, ValueError):
            raise KeyFileError(f"the key file does not open the secret of the {purpose}") from None

    def _closed(self, content: bytes, purpose: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, purpose.encode())


def _make(path: Path) -> None:
    """Make a key file, unless another process was quicker."""
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_atomically(made, secrets.token_bytes(FILE_SIZE))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
        sync_folder(path.parent)
    finally:
        made.unlink(missing_ok=True)
