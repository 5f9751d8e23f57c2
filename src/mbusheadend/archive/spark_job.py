"""An archive decoded again by Spark: ``spark-submit spark_job.py SOURCE TARGET``.

Each file is a task; a worker needs this package (``--py-files`` with its wheel), pyarrow, pydantic, and cryptography where keys
are handed in. The driver writes the manifest of a month when all its files are there: what is broken off goes on from there.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pyspark.sql import SparkSession

from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.manifest import ArchivedFile
from mbusheadend.archive.months import Month
from mbusheadend.archive.redecode import Job, Task, done_of, keys_of, redecode_all

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
    context = session.sparkContext

    def do(tasks: Sequence[Task]) -> Sequence[tuple[Month, ArchivedFile]]:
        made: list[tuple[Month, ArchivedFile]] = context.parallelize(tasks, len(tasks)).map(done_of).collect()
        return made

    return redecode_all(
        Job(
            (options.source, reached),
            (options.target, reached),
            options.tenant,
            tuple(options.month or ()),
            keys_of(options.keys),
        ),
        do,
        AT_ONCE * context.defaultParallelism,
    )


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
