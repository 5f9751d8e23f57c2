"""Indexes of partitions whose time is over, written anew without gaps.

What comes at one time comes from many masters, each in the order of its own readings: the pages of the index of ids split in
their middles and stay two thirds full. When their time is over nobody writes there any more, and they can be full.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mbusheadend.store.postgres.connection import Raw
from mbusheadend.store.postgres.partitions import present

REST: Final = timedelta(days=3)
"""After its time a partition is left alone so long: masters that were away still deliver for it."""
LEAST: Final = 1 << 20
"""Bytes that an index wastes before it is worth the work."""
_ENTRY: Final = 46
"""Bytes of an entry in pages that are full: 40, its place in the page, and a share of what lies above."""
_SPARSE: Final = 1.15
_LOCK: Final = 0x6D627573_636F6D70
_SIZES: Final = b"""
SELECT index.relname, pg_relation_size(index.oid) AS bytes FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
WHERE indrelid = $1::oid AND indisunique AND indisvalid
"""
_BROKEN_OFF: Final = b"""
SELECT index.relname FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
WHERE indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = $1::regclass)
    AND NOT indisvalid AND index.relname ~ '_cc(new|old)[0-9]*$'
"""


@dataclass(frozen=True, slots=True)
class Sparse:
    """An index with gaps, and how many bytes they are about."""

    name: str
    wasted: int


def sparse(raw: Raw, now: int) -> tuple[Sparse, ...]:
    """Give the indexes that are worth to be written anew, the worst first.

    :param now: milliseconds since 1970.
    """
    return tuple(sorted(_sparse(raw, now), key=lambda one: one.wasted, reverse=True))


def compact(raw: Raw, index: Sparse) -> bool:
    """Write one anew while others read and write, on a connection without a transaction; false where another one does so.

    Raise `psycopg.Error`: the old one is in use then as before.
    """
    row = raw.execute(f"SELECT pg_try_advisory_lock({_LOCK}) AS mine".encode()).fetchone()
    if row is None or not row["mine"]:
        return False
    for one in raw.execute(_BROKEN_OFF, (index.name,)).fetchall():
        raw.execute(f"DROP INDEX CONCURRENTLY {one['relname']}".encode())
    raw.execute(f"REINDEX INDEX CONCURRENTLY {index.name}".encode())
    raw.execute(f"SELECT pg_advisory_unlock({_LOCK})".encode())
    return True


def _sparse(raw: Raw, now: int) -> Iterator[Sparse]:
    over = now - REST // timedelta(milliseconds=1)
    for partition in present(raw):
        if partition.until > over or partition.rows <= 0:
            continue
        for row in raw.execute(_SIZES, (partition.oid,)).fetchall():
            full = _ENTRY * partition.rows
            if row["bytes"] > _SPARSE * full and row["bytes"] - full >= LEAST:
                yield Sparse(row["relname"], row["bytes"] - full)
