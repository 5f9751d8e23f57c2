"""Files of bounded size, in the order of what is handed in, with what the manifest says of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import ArchivedFile
from mbusheadend.archive.places import Place, Sink, told
from mbusheadend.archive.schema import COUNTED, REPEATED, SCHEMA, SORTED_BY

GROUP: Final = 20_000
"""Readings of a row group, that are in memory: a reader of one meter reads whole groups."""
GROUP_RECORDS: Final = 250_000
FILE_SIZE: Final = 128 << 20
"""Bytes behind which the next file begins."""
LEVEL: Final = 6
"""Of zstd: more takes longer than decoding and saves a few hundredths."""


@dataclass(slots=True)
class _Facts:
    """What is known of the readings of a file."""

    readings: int
    records: int
    first: datetime
    last: datetime
    first_meter: str
    last_meter: str
    decoders: set[int]

    @classmethod
    def of(cls, table: Any) -> "_Facts":
        taken, meter = pc.min_max(table["taken"]).as_py(), pc.min_max(table["meter"]).as_py()
        records = pc.sum(pc.list_value_length(table["records"])).as_py() or 0
        decoders = set(pc.unique(table["decoder"]).to_pylist())
        return cls(table.num_rows, records, taken["min"], taken["max"], meter["min"], meter["max"], decoders)

    def add(self, more: "_Facts") -> None:
        self.readings += more.readings
        self.records += more.records
        self.first, self.last = min(self.first, more.first), max(self.last, more.last)
        self.first_meter = min(self.first_meter, more.first_meter)
        self.last_meter = max(self.last_meter, more.last_meter)
        self.decoders |= more.decoders


class FileWriter:
    """One file. For one thread at a time."""

    def __init__(self, place: Place, folder: str, name: str) -> None:
        self.name = name
        self._opened: AbstractContextManager[Sink] = place.create(f"{folder}/{name}")
        self._sink = self._opened.__enter__()
        self._writer: Any = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"),
            SCHEMA,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=list(REPEATED),
            write_statistics=list(COUNTED),
            sorting_columns=[pq.SortingColumn(SCHEMA.get_field_index(name)) for name in SORTED_BY],
        )
        self._facts: _Facts | None = None

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._sink.size

    def add(self, table: Any) -> None:
        """Write a row group; raise `ArchiveError`."""
        facts = _Facts.of(table)
        with told(self.name):
            self._writer.write_table(table, row_group_size=table.num_rows)
        if self._facts is None:
            self._facts = facts
        else:
            self._facts.add(facts)

    def end(self, added: int) -> ArchivedFile:
        """Close the file, which gets its name; there is something in it.

        :param added: version of the manifest that will name it.
        """
        assert self._facts is not None, "a file without readings is not begun"
        with told(self.name):
            self._writer.close()
        self._opened.__exit__(None, None, None)
        facts = self._facts
        return ArchivedFile(
            name=self.name,
            size=self._sink.size,
            sha256=self._sink.sha256,
            readings=facts.readings,
            records=facts.records,
            first=facts.first,
            last=facts.last,
            first_meter=facts.first_meter,
            last_meter=facts.last_meter,
            decoders=tuple(sorted(facts.decoders)),
            added=added,
        )

    def drop(self, error: BaseException) -> None:
        """Leave no file."""
        with suppress(ArchiveError):
            self._opened.__exit__(type(error), error, error.__traceback__)


class Files:
    """Files one after the other. For one thread at a time.

    :ivar done: files that are whole.
    :param name_of: gives the name of the file with a number.
    """

    def __init__(
        self,
        place: Place,
        folder: str,
        name_of: Callable[[int], str],
        added: int,
        file_size: int = FILE_SIZE,
    ) -> None:
        self._place = place
        self._folder = folder
        self._name_of = name_of
        self._added = added
        self._file_size = file_size
        self._waiting: list[Any] = []
        self._readings = self._records = 0
        self._file: FileWriter | None = None
        self.done: list[ArchivedFile] = []

    def add(self, batch: Any) -> None:
        """Take a record batch of `SCHEMA`."""
        if not batch.num_rows:
            return
        self._waiting.append(batch)
        self._readings += batch.num_rows
        self._records += len(batch.column("records").flatten())
        if self._readings >= GROUP or self._records >= GROUP_RECORDS:
            self._write()

    def end(self) -> tuple[ArchivedFile, ...]:
        """Write what waits, and give all files."""
        self._write()
        self._close()
        return tuple(self.done)

    def drop(self, error: BaseException) -> None:
        """Leave nothing of the file that is open."""
        if self._file is not None:
            file, self._file = self._file, None
            file.drop(error)

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting, schema=SCHEMA)
        self._waiting.clear()
        self._readings = self._records = 0
        if self._file is None:
            self._file = FileWriter(self._place, self._folder, self._name_of(len(self.done)))
        self._file.add(table)
        if self._file.size >= self._file_size:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self.done.append(self._file.end(self._added))
            self._file = None
