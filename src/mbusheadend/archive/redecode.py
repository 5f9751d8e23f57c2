"""Values made again from the raw telegrams of an archive, into another archive with the same columns.

Without the store: any number of machines can do it, each file by itself (`mbusheadend.archive.spark_job`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mbus.addressing import SecondaryAddress
from mbus.errors import AddressError
from mbusheadend.archive.arrays import decoded_arrays, decoded_rows
from mbusheadend.archive.checking import check_file
from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.files import FileWriter
from mbusheadend.archive.manifest import ArchivedFile, Manifest, load_manifest, months_in, save_manifest
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Place, open_place, told
from mbusheadend.archive.schema import SCHEMA
from mbusheadend.decoding.telegrams import DECODER, Decoded, decode
from mbusheadend.judging.own_time import own_time

Keys = Mapping[str, Sequence[tuple[SecondaryAddress, bytes]]]
"""Keys of encrypted meters by identification."""


@dataclass(frozen=True, slots=True)
class Task:
    """A file that is to be decoded again.

    :ivar source: how `mbusheadend.archive.places.open_place` opens the place.
    """

    source: tuple[str, Mapping[str, Any]] = field(repr=False)
    target: tuple[str, Mapping[str, Any]] = field(repr=False)
    manifest: Manifest
    file: ArchivedFile
    keys: Keys = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Job:
    """An archive that is to be decoded again into another one; places as in `Task`.

    :ivar months: only these; all where there are none.
    """

    source: tuple[str, Mapping[str, Any]] = field(repr=False)
    target: tuple[str, Mapping[str, Any]] = field(repr=False)
    tenant: str
    months: tuple[Month, ...] = ()
    keys: Keys = field(default_factory=dict, repr=False)


Done = Sequence[tuple[Month, ArchivedFile]]


def redecode_all(job: Job, do: Callable[[Sequence[Task]], Done], at_once: int) -> int:
    """Decode an archive again; say how many months that were. Raise `ArchiveError`.

    The manifest of a month is written when all its files are there; months that the new archive has as they are now are left out.

    :param do: does tasks, wherever, and gives what `done_of` gives of each.
    :param at_once: so many files are handed out before their manifests are written.
    """
    if job.source[0].rstrip("/") == job.target[0].rstrip("/"):
        raise ArchiveError("the new archive is to be another place than the old one")
    source, target = (open_place(address, **options) for address, options in (job.source, job.target))
    done = 0
    for manifests in _portions(_wanted(source, target, job), at_once):
        tasks = [Task(job.source, job.target, one, file, job.keys) for one in manifests for file in one.files]
        _seal(target, manifests, do(tasks))
        done += len(manifests)
    return done


def done_of(task: Task) -> tuple[Month, ArchivedFile]:
    """Do a task; give the file that was made, and of which month it is."""
    return task.manifest.of_month, redecode(task)


def keys_of(path: Path | None) -> Keys:
    """Read keys as ``mbusheadend keys import`` does; no message has one in it. Raise `ArchiveError`."""
    found: defaultdict[str, list[tuple[SecondaryAddress, bytes]]] = defaultdict(list)
    if path is not None:
        from mbusheadend.keyfile import read_keys

        with told(str(path)):
            data = path.read_bytes()
        for one in read_keys(data).keys:
            found[one.address.identification].append((one.address, one.key))
    return dict(found)


def _wanted(source: Place, target: Place, job: Job) -> Iterator[Manifest]:
    """Give the months that the new archive does not have as they are now."""
    for month in job.months or months_in(source, job.tenant):
        manifest = load_manifest(source, job.tenant, month)
        if manifest is None:
            raise ArchiveError(f"{month} is not in the archive {source}")
        there = load_manifest(target, job.tenant, month)
        if there is None or there.version != manifest.version:
            yield manifest


def _portions(manifests: Iterable[Manifest], files: int) -> Iterator[list[Manifest]]:
    portion: list[Manifest] = []
    for one in manifests:
        portion.append(one)
        if sum(len(each.files) for each in portion) >= files:
            yield portion
            portion = []
    if portion:
        yield portion


def _seal(target: Place, manifests: Iterable[Manifest], made: Done) -> None:
    files: defaultdict[Month, list[ArchivedFile]] = defaultdict(list)
    for month, file in made:
        files[month].append(file)
    for one in manifests:
        there = tuple(sorted(files[one.of_month], key=lambda file: (file.added, file.name)))
        save_manifest(target, Manifest.of(one.tenant, one.of_month, one.version, there, datetime.now(UTC)))


def redecode(task: Task) -> ArchivedFile:
    """Do one file. Done twice it is the same file; until a manifest names it, it is not there. Raise `ArchiveError`."""
    source, target = (open_place(address, **options) for address, options in (task.source, task.target))
    check_file(source, task.manifest.path(task.file), task.file)
    made = redecode_file(source, target, task.manifest, task.file, task.keys)
    check_file(target, f"{task.manifest.folder}/{made.name}", made)
    return made


def redecode_file(
    source: Place, target: Place, manifest: Manifest, file: ArchivedFile, keys: Keys
) -> ArchivedFile:
    """Write a file anew, with the same name, rows, order and groups."""
    name = manifest.path(file)
    with told(name), source.open(name) as opened:
        groups = pq.ParquetFile(opened)
        writer = FileWriter(target, manifest.folder, file.name)
        try:
            for number in range(groups.num_row_groups):
                batches = groups.read_row_group(number).to_batches()
                made = [redecoded(batch, keys) for batch in batches]
                writer.add(pa.Table.from_batches(made, schema=SCHEMA))
            return writer.end(file.added)
        except BaseException as error:
            writer.drop(error)
            raise


def redecoded(batch: Any, keys: Keys) -> Any:
    """Decode the raw telegrams of a batch.

    What was said stays, with the version that said it, where there are none, and where something cannot be understood now that
    could be then: the key of the meter is not there.
    """
    said = list(decoded_rows(batch.column("headers"), batch.column("records")))
    decoders = batch.column("decoder").to_pylist()
    rows = zip(batch.column("meter").to_pylist(), batch.column("telegrams").to_pylist(), strict=True)
    key_of = _finder(keys)
    for place, (meter, telegrams) in enumerate(rows):
        if telegrams:
            new = tuple(decode(telegram, key_of(meter)) for telegram in telegrams)
            if not _lost(said[place], new):
                said[place], decoders[place] = new, DECODER
    headers, records = decoded_arrays(said)
    changed = {
        "headers": headers,
        "records": records,
        "decoder": pa.array(decoders, type=SCHEMA.field("decoder").type),
        "meter_time": pa.array(map(own_time, said), type=SCHEMA.field("meter_time").type),
    }
    arrays = [changed.get(name, batch.column(name)) for name in SCHEMA.names]
    return pa.record_batch(arrays, schema=SCHEMA)


def _lost(old: Sequence[Decoded], new: Sequence[Decoded]) -> bool:
    return any(now.error and not then.error for then, now in zip(old, new, strict=False))


def _finder(keys: Keys) -> Callable[[str], bytes | None]:
    known: dict[str, bytes | None] = {}

    def find(meter: str) -> bytes | None:
        if not keys:
            return None
        if meter not in known:
            known[meter] = _key_of(meter, keys)
        return known[meter]

    return find


def _key_of(meter: str, keys: Keys) -> bytes | None:
    try:
        address = SecondaryAddress.from_text(meter)
    except AddressError:
        return None
    fitting = [key for wanted, key in keys.get(address.identification, ()) if wanted.matches(address)]
    return fitting[0] if len(fitting) == 1 else None
