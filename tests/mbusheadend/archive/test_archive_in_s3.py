"""An archive in a bucket is as one in a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.archive.archivist import Archived
from mbusheadend.archive.errors import ArchiveError
from mbusheadend.archive.opening import open_archive
from mbusheadend.archive.places import open_place
from mbusheadend.archive.settings import ArchiveSettings
from mbusheadend.errors import HeadEndError
from mbusheadend.state import open_store
from mbusheadend.store import Store
from support.buckets import s3_server, system
from support.headend_archive import AUGUST, BEGAN, JULY, LATER, all_of, filled
from support.headend_messages import SERIAL, batch, reading
from support.headend_meters import ADDRESS, telegram

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(service: str, request: pytest.FixtureRequest) -> str:
    name = f"bucket{abs(hash(request.node.name))}"
    system(service).create_dir(name)
    return name


@pytest.fixture
def settings(service: str, bucket: str, tmp_path: Path) -> ArchiveSettings:
    """Give settings with the secret in a file."""
    secret = tmp_path / "secret"
    secret.write_text("name\nsecret\n")
    return ArchiveSettings(
        place=f"s3://{bucket}/meters", endpoint=service, region="us-east-1", credentials=secret
    )


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "state")
    await filled(store)
    yield store
    store.close()


async def test_months_are_written_checked_added_to_and_put_back(
    store: Store, settings: ArchiveSettings, service: str, bucket: str, tmp_path: Path
) -> None:
    archive = open_archive(settings, store, lambda: LATER)
    assert (await archive.turn()).months == (JULY, AUGUST)
    await store.take(SERIAL, batch(reading(10**6, ADDRESS, [telegram()], taken=BEGAN)), LATER)
    assert await archive.write(JULY) == Archived(late=1)
    checked = await archive.check(JULY)
    assert (checked.is_sound, checked.unnamed) == (True, ())
    assert (await archive.months(), await archive.may_give_up(JULY.end)) == ((JULY, AUGUST), JULY.end)
    other = open_store(tmp_path / "other")
    restored = open_archive(settings, other, lambda: LATER)
    assert await restored.put_back(JULY) == len(await all_of(store, JULY))
    assert set(await all_of(other)) == set(await all_of(store, JULY))
    other.close()
    names = [info.path for info in system(service).get_file_info(_selector(bucket)) if info.size]
    assert sorted(name.split("/")[-1] for name in names if "month=7" in name) == [
        "_manifest.json", "late-0002-00000.parquet", "part-0001-00000.parquet",
    ]  # fmt: skip


async def test_what_is_broken_off_is_not_there(store: Store, settings: ArchiveSettings) -> None:
    place = open_place(
        settings.place, endpoint=settings.endpoint, region="us-east-1", credentials=("name", "secret")
    )
    name = "readings/tenant=main/year=2026/month=7/part-0001-00007.parquet"

    def break_off() -> None:
        with place.create(name) as sink:
            sink.write(b"half")
            raise OSError("power was cut")

    with pytest.raises(ArchiveError, match="power"):
        break_off()
    assert place.sizes("readings") == {}
    place.put(name, b"left by a process that was killed")
    archive = open_archive(settings, store, lambda: LATER)
    assert await archive.months() == ()
    await archive.turn()
    assert name not in place.sizes("readings")
    place.remove(name)


async def test_a_wrong_bucket_and_a_wrong_secret_are_told_without_the_secret(
    store: Store, settings: ArchiveSettings, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(update={"place": "s3://nobodys/x"})
    with pytest.raises(ArchiveError) as told:
        await open_archive(elsewhere, store, lambda: LATER).turn()
    assert "secret" not in str(told.value)
    (tmp_path / "secret").write_text("only-the-secret")
    with pytest.raises(HeadEndError, match="two lines") as read:
        open_archive(settings, store, lambda: LATER)
    assert "only-the-secret" not in str(read.value)


def _selector(bucket: str) -> Any:
    import pyarrow.fs

    return pyarrow.fs.FileSelector(bucket, recursive=True)
