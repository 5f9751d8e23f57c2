"""Secrets that are no keys of meters, as they lie in the store."""

from typing import Final

from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.store.errors import StoreRefusedError
from mbusweb.texts import mark

NO_KEY_FILE: Final = mark("there is no key file, without which no secret can be stored or used")


def sealed(vault: Vault | None, secret: bytes, purpose: str) -> bytes:
    """Give a secret as it is stored; raise `StoreRefusedError` without a key file."""
    if vault is None:
        raise StoreRefusedError(NO_KEY_FILE)
    return vault.seal(secret, purpose)


def unsealed(vault: Vault | None, closed: bytes, purpose: str) -> bytes:
    """Give what was sealed; raise `StoreRefusedError` where the key file is another one, or there is none."""
    if vault is None:
        raise StoreRefusedError(NO_KEY_FILE)
    try:
        return vault.unseal(closed, purpose)
    except KeyFileError as error:
        raise StoreRefusedError(str(error)) from None
