"""An archive decoded again by Spark: ``spark-submit spark_job.py SOURCE TARGET``.

Each file is a task; a worker needs this package (``--py-files`` with its wheel), pyarrow, pydantic, and cryptography where keys
are handed in. The driver writes the manifest of a month when all its files are there: what is broken off goes on from there.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pyspark.sql import SparkSession

from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import ArchivedFile, Manifest, load_manifest, months_in, save_manifest
from mbusheadend.archive.months import Month
from mbusheadend.archive.places import Place, open_place
from mbusheadend.archive.redecode import Keys, Task, redecode

AT_ONCE: Final = 8
"""Files per core that are handed out before their manifests are written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; return the exit status."""
    options = _parser().parse_args(arguments)
    session = SparkSession.builder.appName("mbus-archive-redecode").getOrCreate()
    try:
        done = _run(session, options)
    except ArchiveError as error:
        print(f"redecode: {error}", file=sys.stderr)
        return 1
    finally:
        session.stop()
    print(f"{done} months decoded again")
    return 0


def _run(session: Any, options: argparse.Namespace) -> int:
    reached = {"endpoint": options.endpoint, "region": options.region, "path_style": not options.virtual_host}
    source, target = (options.source, reached), (options.target, reached)
    if options.source.rstrip("/") == options.target.rstrip("/"):
        raise ArchiveError("the new archive is to be another place than the old one")
    keys = _keys(options.keys)
    places = open_place(source[0], **reached), open_place(target[0], **reached)
    context = session.sparkContext
    done = 0
    for manifests in _portions(_wanted(*places, options), AT_ONCE * context.defaultParallelism):
        tasks = [Task(source, target, one, file, keys) for one in manifests for file in one.files]
        made = context.parallelize(tasks, len(tasks)).map(_done).collect()
        _seal(places[1], manifests, made)
        done += len(manifests)
    return done


def _done(task: Task) -> tuple[Month, ArchivedFile]:
    return task.manifest.of_month, redecode(task)


def _wanted(source: Place, target: Place, options: argparse.Namespace) -> Iterator[Manifest]:
    """Give the months that the new archive does not have as they are now."""
    for month in options.month or months_in(source, options.tenant):
        manifest = load_manifest(source, options.tenant, month)
        if manifest is None:
            raise ArchiveError(f"{month} is not in the archive {source}")
        there = load_manifest(target, options.tenant, month)
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


def _seal(target: Place, manifests: Iterable[Manifest], made: Iterable[tuple[Month, ArchivedFile]]) -> None:
    files: defaultdict[Month, list[ArchivedFile]] = defaultdict(list)
    for month, file in made:
        files[month].append(file)
    for one in manifests:
        there = tuple(sorted(files[one.of_month], key=lambda file: (file.added, file.name)))
        save_manifest(target, Manifest.of(one.tenant, one.of_month, one.version, there, datetime.now(UTC)))


def _keys(path: Path | None) -> Keys:
    """Read keys as ``mbusheadend keys import`` does; no message has one in it."""
    found: defaultdict[str, list[tuple[Any, bytes]]] = defaultdict(list)
    if path is not None:
        from mbusheadend.keyfile import read_keys

        for one in read_keys(path.read_bytes()).keys:
            found[one.address.identification].append((one.address, one.key))
    return dict(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Decode the raw telegrams of an archive again, into a new archive."
    )
    parser.add_argument("source", help="the archive: a folder that every worker sees, or s3://bucket/prefix")
    parser.add_argument("target", help="where the new one is written")
    parser.add_argument("--tenant", default="main", help="whose readings (default: main)")
    parser.add_argument(
        "--month", type=Month.from_text, action="append", help="only this month; also more than once"
    )
    parser.add_argument(
        "--keys", type=Path, help="CSV with keys of encrypted meters; without it their values stay"
    )
    parser.add_argument("--endpoint", default="", help="URL of a service like S3")
    parser.add_argument("--region", default="", help="of the bucket")
    parser.add_argument(
        "--virtual-host", action="store_true", help="the bucket stands in the name of the host"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
