"""Indexes of big tables, made while others read and write them."""

import logging
from dataclasses import dataclass
from typing import Final

from psycopg import errors

from mbusheadend.store.postgres.brief import briefly
from mbusheadend.store.postgres.connection import Raw

_IS_VALID: Final = b"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"
_IS_PARTED: Final = b"SELECT relkind = 'p' FROM pg_class WHERE oid = $1::regclass"
_LACKING: Final = b"""
SELECT child.relname FROM pg_inherits AS part JOIN pg_class AS child ON child.oid = part.inhrelid
WHERE part.inhparent = $1::regclass AND NOT EXISTS (
    SELECT 1 FROM pg_index JOIN pg_inherits AS piece ON piece.inhrelid = indexrelid
    WHERE indrelid = child.oid AND piece.inhparent = $2::regclass
) ORDER BY child.relname
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Index:
    """An index that makes nothing unique.

    :ivar table: one with partitions, as `reading` is, or without.
    :ivar on: columns in brackets, ``tenant`` among them, and what stands behind them (``WITH``, ``WHERE``).
    """

    name: str
    table: str
    on: str


def is_made(raw: Raw, index: Index) -> bool:
    """Tell whether it is there, over all partitions, and is used: one whose making was broken off is there, and is not."""
    return _is_valid(raw, index.name) is True


def make(raw: Raw, index: Index) -> None:
    """Make it, or finish what was broken off; on a connection without a transaction, which waits for locks of any time then.

    Raise `psycopg.Error`, `StoreError`.
    """
    if is_made(raw, index):
        return
    # Concurrently it waits for all who work at that moment, and nobody waits for it.
    raw.execute(b"SET lock_timeout = 0")
    _log.info("the index %s is being made while others work", index.name)
    row = raw.execute(_IS_PARTED, (index.table,)).fetchone()
    if row is not None and row[0]:
        _make_parted(raw, index)
    else:
        _make_alone(raw, index.name, index.table, index.on)


def _make_parted(raw: Raw, index: Index) -> None:
    """Make it for each partition alone: PostgreSQL makes none concurrently for all of them at once.

    Partitions that others make meanwhile get theirs when they are made, as soon as there is one of the whole table.
    """
    while not is_made(raw, index):
        if _is_valid(raw, index.name) is None:
            _brief(raw, index, f"CREATE INDEX {index.name} ON ONLY {index.table} {index.on}")
        lacking = [row[0] for row in raw.execute(_LACKING, (index.table, index.name)).fetchall()]
        for partition in lacking:
            _make_piece(raw, index, partition)
        if not lacking and not is_made(raw, index):
            # The last one without it was dropped by others: none is attached any more, which is when the server looks.
            _brief(raw, index, f"DROP INDEX {index.name}")


def _make_piece(raw: Raw, index: Index, partition: str) -> None:
    name = f"{partition}_{index.name}"
    try:
        _make_alone(raw, name, partition, index.on)
        _brief(raw, index, f"ALTER INDEX {index.name} ATTACH PARTITION {name}")
    except (errors.UndefinedTable, errors.UndefinedObject):
        _log.info("the partition %s was dropped meanwhile", partition)


def _make_alone(raw: Raw, name: str, table: str, on: str) -> None:
    if _is_valid(raw, name) is False:
        raw.execute(f"DROP INDEX CONCURRENTLY {name}".encode())
    raw.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {on}".encode())


def _brief(raw: Raw, index: Index, statement: str) -> None:
    briefly(raw, f"the index {index.name}", lambda: raw.execute(statement.encode()))


def _is_valid(raw: Raw, name: str) -> bool | None:
    row = raw.execute(_IS_VALID, (name,)).fetchone()
    return None if row is None else bool(row[0])
