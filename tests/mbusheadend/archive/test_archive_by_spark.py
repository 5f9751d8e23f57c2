"""Spark reads an archive, and decodes it again on two workers."""

from dataclasses import replace
from pathlib import Path

import pytest

from mbusheadend.administration.archive import spark_job
from mbusheadend.archive.places import Folder
from mbusheadend.archive.restoring import readings_in
from mbusheadend.state import open_store
from support.headend_archive import AUGUST, JULY, all_of, archivist, filled
from support.spark import submit

DOCUMENT = Path(__file__).parents[3] / "docs" / "archive.md"
READ = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
archive = "{archive}"
{documented}
spark.stop()
"""

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]
"""Five programs start: that takes its time where others are at work, too."""


async def test_an_archive_decoded_again_is_what_the_store_says(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    await filled(store, minutes=60)
    old = archivist(store, tmp_path / "old", file_size=1)
    await old.turn()
    wanted = {key: replace(one, meter=0) for key, one in (await all_of(store)).items()}
    assert submit(tmp_path, spark_job(), [tmp_path / "old", tmp_path / "new"]) == "2 months decoded again\n"
    new = archivist(store, tmp_path / "new")
    found = {}
    for month in (JULY, AUGUST):
        assert (await new.check(month)).is_sound
        manifest = await new.manifest(month)
        assert manifest is not None
        found.update(
            {
                (one.identity, one.reading.id): one.reading
                for one in readings_in(Folder(tmp_path / "new"), manifest)
            }
        )
    assert found == wanted
    store.close()


async def test_spark_reads_the_columns(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    await filled(store)
    await archivist(store, tmp_path / "archive").turn()
    (documented,) = (block.split("```")[0] for block in DOCUMENT.read_text().split("```python\n")[1:])
    program = tmp_path / "read.py"
    program.write_text(READ.format(archive=tmp_path / "archive", documented=documented))
    printed = submit(tmp_path, program, master="local[1]", with_packages=False)
    everything = await all_of(store)
    counts = [sum(one.taken.month == month.month for one in everything.values()) for month in (JULY, AUGUST)]
    assert [line.split("|")[3].strip() for line in printed.splitlines() if "|  main|" in line] == list(
        map(str, counts)
    )
    highest = max(
        value.value
        for one in everything.values()
        for said in one.decoded
        for value in said.values
        if value.register.quantity == "energy"
        and value.register.storage == 0
        and isinstance(value.value, int)
    )
    assert f"{highest}." in printed
    store.close()
