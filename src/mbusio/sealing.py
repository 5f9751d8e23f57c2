"""A content under a passphrase, as fields of a JSON object.

In front stands what the object says of itself. ``encryption`` are the parameters, ``sealed`` is the content under AES-256-GCM,
with all the rest of the object as associated data; the key is made from the passphrase by scrypt.
"""

import base64
import json
import os
import threading
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SHORTEST_PASSPHRASE: Final = 12
LONGEST_PASSPHRASE: Final = 1024

Fields = dict[str, Any]

_LONGEST_TYPED: Final = 4 * LONGEST_PASSPHRASE
"""A letter can be typed as up to four characters that normalize to one."""
_SALT_SIZE: Final = 16
_NONCE_SIZE: Final = 12
_SMALLEST_N: Final = 1 << 14
_GREATEST_N: Final = 1 << 16
"""64 MiB while a key is made, at r = 8: no file may ask for more."""
_R: Final = 8
_GREATEST_P: Final = 4
_one_key_at_a_time = threading.Lock()


class SealFault(StrEnum):
    """Why something cannot be sealed or opened."""

    PASSPHRASE_LENGTH = f"the passphrase must have {SHORTEST_PASSPHRASE} to {LONGEST_PASSPHRASE} characters"
    WRONG_PASSPHRASE = "the passphrase is wrong or the file is damaged"  # noqa: S105 - a message
    DAMAGED = "the file is damaged"
    TOO_COSTLY = "opening the file would take too much memory: it was not saved by this software"


class SealError(Exception):
    """Something cannot be sealed or opened.

    :ivar fault: why.
    """

    def __init__(self, fault: SealFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters of scrypt: memory is 128 · r · n bytes, time grows with p too."""

    n: int = 1 << 15
    r: int = _R
    p: int = 3


USUAL_COST: Final = Cost()


def seal(header: Fields, content: bytes, passphrase: str, cost: Cost = USUAL_COST) -> Fields:
    """Give the object. Takes 32 MiB and some tenths of a second: leave an event loop for it.

    Raise `SealError` for a passphrase that is too short or too long.

    :param header: what the object says of itself, in the clear; nobody can alter it later.
    """
    lengths = len(passphrase), len(_normal(passphrase))
    if min(lengths) < SHORTEST_PASSPHRASE or max(lengths) > LONGEST_PASSPHRASE:
        raise SealError(SealFault.PASSPHRASE_LENGTH)
    salt, nonce = os.urandom(_SALT_SIZE), os.urandom(_NONCE_SIZE)
    fields = {
        **header,
        "encryption": {
            "key": "scrypt",
            "n": cost.n,
            "r": cost.r,
            "p": cost.p,
            "salt": text_of(salt),
            "cipher": "AES-256-GCM",
            "nonce": text_of(nonce),
        },
    }
    sealed = AESGCM(_key(passphrase, salt, cost)).encrypt(nonce, content, _associated(fields))
    return {**fields, "sealed": text_of(sealed)}


def is_sealed(fields: Fields) -> bool:
    """Tell whether an object has a sealed content."""
    return "sealed" in fields


def unseal(fields: Fields, passphrase: str) -> bytes:
    """Give the content of an object from anywhere; raise `SealError`.

    Takes up to 64 MiB and some tenths of a second: leave an event loop for it.
    """
    encryption = fields.get("encryption")
    if not isinstance(encryption, dict):
        raise SealError(SealFault.DAMAGED)
    if encryption.get("key") != "scrypt" or encryption.get("cipher") != "AES-256-GCM":
        raise SealError(SealFault.DAMAGED)
    salt, nonce, sealed = (
        data_of(value) for value in (encryption.get("salt"), encryption.get("nonce"), fields.get("sealed"))
    )
    if len(salt) != _SALT_SIZE or len(nonce) != _NONCE_SIZE:
        raise SealError(SealFault.DAMAGED)
    key = _key(passphrase, salt, _bounded(encryption))
    associated = {name: value for name, value in fields.items() if name != "sealed"}
    try:
        return AESGCM(key).decrypt(nonce, sealed, _associated(associated))
    except InvalidTag:
        raise SealError(SealFault.WRONG_PASSPHRASE) from None


def text_of(data: bytes) -> str:
    """Write bytes as base64."""
    return base64.b64encode(data).decode("ascii")


def data_of(text: object) -> bytes:
    """Read base64 from anywhere; raise `SealError`."""
    if not isinstance(text, str):
        raise SealError(SealFault.DAMAGED)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise SealError(SealFault.DAMAGED) from None


def _bounded(encryption: Fields) -> Cost:
    n, r, p = (encryption.get(name) for name in ("n", "r", "p"))
    if not (type(n) is int and type(r) is int and type(p) is int):
        raise SealError(SealFault.DAMAGED)
    if n < _SMALLEST_N or n & (n - 1) or r != _R or p < 1:
        raise SealError(SealFault.DAMAGED)
    if n > _GREATEST_N or p > _GREATEST_P:
        raise SealError(SealFault.TOO_COSTLY)
    return Cost(n, r, p)


def _key(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    if len(passphrase) > _LONGEST_TYPED:
        raise SealError(SealFault.WRONG_PASSPHRASE)
    secret = _normal(passphrase).encode("utf-8", "surrogatepass")
    with _one_key_at_a_time:
        return Scrypt(salt=salt, length=32, n=cost.n, r=cost.r, p=cost.p).derive(secret)


def _normal(passphrase: str) -> str:
    """Make one of the several ways in which keyboards and systems write the same letters."""
    return unicodedata.normalize("NFKC", passphrase)


def _associated(fields: Fields) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
