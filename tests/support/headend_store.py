"""Stores of the head-end for tests: each kind is opened by one function, and every test of the protocol runs over all kinds."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from mbusheadend.decoding.keys import Vault
from mbusheadend.store import Store
from mbusheadend.store.postgres.store import PostgresStore
from mbusheadend.store.sqlite.store import SqliteStore
from support.postgres import database_of

KINDS: Final[dict[str, Callable[[Path], Store]]] = {
    "sqlite": lambda folder: SqliteStore(folder / "store.db", Vault.from_file(folder / "keys")),
    "postgres": lambda folder: PostgresStore(database_of(folder), vault=Vault.from_file(folder / "keys")),
}
"""A second call with the same folder opens what the first has made."""
