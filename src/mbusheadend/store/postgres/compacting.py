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
LOCK_MINUTES: Final = 10
"""At its end it waits for all who may still look at the old index, as long questions and backups do; nobody waits for it."""
_ENTRY: Final = 46
"""Bytes of an entry in pages that are full: 40, its place in the page, and a share of what lies above."""
_SPARSE: Final = 1.15
_LOCK: Final = 0x6D627573_636F6D70
_SIZES: Final = b"""
SELECT index.relname, coalesce(pg_relation_size(index.oid), 0) AS bytes, NOT indisvalid AS is_broken_off,
    coalesce(substring(obj_description(index.oid, 'pg_class') FROM '^([0-9]{1,18}) bytes without gaps$')::bigint, 0) AS best
FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
WHERE indrelid = $1::oid AND indisunique AND (indisvalid OR index.relname ~ '_cc(new|old)[0-9]*$')
"""
_SIZE: Final = b"SELECT pg_relation_size($1::regclass) AS bytes"


@dataclass(frozen=True, slots=True)
class Sparse:
    """An index with gaps, and how many bytes they are about.

    :ivar is_broken_off: it is no use at all: what was left when an index was written anew and that was broken off.
    """

    name: str
    wasted: int
    is_broken_off: bool = False


def sparse(raw: Raw, now: int) -> tuple[Sparse, ...]:
    """Give the indexes that are worth to be written anew or dropped, the worst first.

    :param now: milliseconds since 1970.
    """
    return tuple(sorted(_sparse(raw, now), key=lambda one: (one.is_broken_off, one.wasted), reverse=True))


def compact(raw: Raw, index: Sparse) -> bool:
    """Write one anew while others read and write, on a connection without a transaction; false where another one does so.

    Raise `psycopg.Error`: the old one is in use then as before.
    """
    row = raw.execute(f"SELECT pg_try_advisory_lock({_LOCK}) AS mine".encode()).fetchone()
    if row is None or not row["mine"]:
        return False
    raw.execute(f"SET lock_timeout = '{LOCK_MINUTES}min'".encode())
    if index.is_broken_off:
        raw.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}".encode())
    else:
        raw.execute(f"REINDEX INDEX CONCURRENTLY {index.name}".encode())
        _note_best(raw, index.name)
    raw.execute(f"SELECT pg_advisory_unlock({_LOCK})".encode())
    return True


def _note_best(raw: Raw, name: str) -> None:
    """Note at the index how small it can be, for every process: one that stays big must not be written anew each hour."""
    row = raw.execute(_SIZE, (name,)).fetchone()
    if row is not None:
        raw.execute(f"COMMENT ON INDEX {name} IS '{row['bytes']:d} bytes without gaps'".encode())


def _sparse(raw: Raw, now: int) -> Iterator[Sparse]:
    over = now - REST // timedelta(milliseconds=1)
    for partition in present(raw):
        if partition.until > over or partition.rows <= 0:
            continue
        for row in raw.execute(_SIZES, (partition.oid,)).fetchall():
            full = max(_ENTRY * partition.rows, row["best"])
            if row["is_broken_off"]:
                yield Sparse(row["relname"], max(row["bytes"], 1), is_broken_off=True)
            elif row["bytes"] > _SPARSE * full and row["bytes"] - full >= LEAST:
                yield Sparse(row["relname"], row["bytes"] - full)
