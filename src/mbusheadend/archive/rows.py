"""Readings as columns of an archive, and back."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from mbusheadend.archive.arrays import decoded_arrays, decoded_rows
from mbusheadend.archive.schema import SCHEMA
from mbusheadend.judging.own_time import own_time
from mbusheadend.store.archiving import ArchivedReading
from mbusheadend.store.readings import StoredReading
from mbushosting.readings import Outcome


def batch_of(readings: Sequence[ArchivedReading]) -> Any:
    """Give readings as a record batch of `SCHEMA`."""
    headers, records = decoded_arrays(one.reading.decoded for one in readings)
    cells = zip(*map(_cells, readings), strict=True) if readings else ([] for _ in SCHEMA.names[:-2])
    arrays = [pa.array(column, type=field.type) for column, field in zip(cells, SCHEMA, strict=False)]
    return pa.record_batch([*arrays, headers, records], schema=SCHEMA)


def readings_of(batch: Any) -> Iterator[ArchivedReading]:
    """Give the readings of a record batch. `meter` and `master` of each are by name: numbers in a store are 0."""
    rows = batch.drop_columns(["headers", "records"]).to_pylist()
    decoded = decoded_rows(batch.column("headers"), batch.column("records"))
    for row, said in zip(rows, decoded, strict=True):
        telegrams = row["telegrams"]
        reading = StoredReading(
            row["id"].hex(),
            0,
            row["master"] or "",
            row["schedule"] or "",
            row["slot"],
            row["taken"],
            row["received"],
            row["clock"] or "",
            Outcome(row["outcome"]),
            row["attempts"],
            row["baud"],
            row["remark"] or "",
            row["decoder"],
            None if telegrams is None else tuple(telegrams),
            said,
        )
        yield ArchivedReading(row["meter"], row["bus"] or "", row["address"] or "", reading)


def _cells(one: ArchivedReading) -> tuple[Any, ...]:
    reading = one.reading
    return (
        one.identity,
        reading.taken,
        bytes.fromhex(reading.id),
        reading.master,
        one.bus or None,
        one.address or None,
        reading.schedule,
        reading.slot,
        reading.received,
        own_time(reading.decoded),
        reading.clock or None,
        reading.outcome.value,
        reading.attempts,
        reading.baud,
        reading.remark or None,
        reading.decoder,
        reading.telegrams,
    )
