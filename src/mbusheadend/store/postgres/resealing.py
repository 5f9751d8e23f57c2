"""Secrets of a store that was brought over, sealed anew under the key file of the place where it is now."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mbusheadend.decoding.keys import KeyFileError, Vault
from mbusheadend.store.errors import StoreRefusedError
from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.sql.local import purpose_of_keys
from mbusheadend.store.sql.notifying import purpose_of_rule


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where secrets of one kind lie.

    :ivar name: expression of what they are bound to.
    :ivar purpose: makes the purpose of that; None for keys of meters, which are bound to an identity.
    """

    table: str
    key: str
    column: str
    name: str
    purpose: Callable[[str], str] | None


_KINDS: Final = (
    _Kind("meter", "id", "secret", "identity", None),
    _Kind("alarm_rule", "id", "secret", "id", purpose_of_rule),
    _Kind("note", "name", "secret", "name", str),
    _Kind(
        "local_keys",
        "master",
        "client",
        "(SELECT serial FROM master AS one WHERE one.id = master)",
        purpose_of_keys,
    ),
)


def reseal(raw: Raw, old: Vault, new: Vault) -> None:
    """Seal all secrets of a tenant anew, in the transaction and for the tenant of a connection.

    Raise `StoreRefusedError` where the old key file does not open one of them.
    """
    for kind in _KINDS:
        columns = f"{kind.key} AS key, {kind.name} AS name, {kind.column} AS closed"
        query = f"SELECT {columns} FROM {kind.table} WHERE {kind.column} IS NOT NULL"  # noqa: S608
        for row in raw.execute(query.encode()).fetchall():
            try:
                closed = _again(kind, row["name"], row["closed"], old, new)
            except KeyFileError as error:
                raise StoreRefusedError(f"{error}: it is not the one of the store that is moved") from error
            raw.execute(
                f"UPDATE {kind.table} SET {kind.column} = $1 WHERE {kind.key} = $2".encode(),  # noqa: S608
                (closed, row["key"]),
            )


def _again(kind: _Kind, name: str, closed: bytes, old: Vault, new: Vault) -> bytes:
    if kind.purpose is None:
        return new.close(old.open(closed, name), name)
    purpose = kind.purpose(name)
    return new.seal(old.unseal(closed, purpose), purpose)
