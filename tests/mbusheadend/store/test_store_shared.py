"""What processes share by the store: parcels, releases, counts of the day."""

from datetime import UTC, date, datetime, timedelta

import pytest

from mbusheadend.store import Store, UnknownError
from mbusheadend.store.shared import FilePart

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SOON = NOW + timedelta(minutes=15)
DAY = date(2026, 11, 20)


async def test_a_parcel_is_given_once_and_to_its_owner_only(store: Store) -> None:
    await store.keep_parcel("key", "anna", b"list", NOW, SOON)
    assert await store.take_parcel("key", "fritz", NOW) is None
    assert await store.take_parcel("other", "anna", NOW) is None
    assert await store.take_parcel("key", "anna", NOW) == b"list"
    assert await store.take_parcel("key", "anna", NOW) is None


async def test_an_old_parcel_and_one_that_was_replaced_are_forgotten(store: Store) -> None:
    await store.keep_parcel("one", "anna", b"1", NOW, SOON)
    await store.keep_parcel("two", "anna", b"2", NOW, SOON)
    assert await store.take_parcel("one", "anna", NOW) is None
    assert await store.take_parcel("two", "anna", SOON) is None


async def test_a_release_comes_back_piece_by_piece(store: Store) -> None:
    pieces = [FilePart("held.json", 0, b"{}"), FilePart("targets/a", 0, b"1"), FilePart("targets/a", 1, b"2")]
    await store.put_release(42, "facts", lambda: pieces)
    assert await store.kept_releases() == {42: "facts"}
    assert await store.release_parts(42) == (("held.json", 0), ("targets/a", 0), ("targets/a", 1))
    assert await store.release_part(42, "targets/a", 1) == b"2"
    await store.put_release(42, "other facts", None)
    assert await store.kept_releases() == {42: "other facts"}
    assert len(await store.release_parts(42)) == 3
    await store.delete_release(42)
    assert await store.kept_releases() == {}
    with pytest.raises(UnknownError, match="0042"):
        await store.release_part(42, "targets/a", 1)


async def test_readings_of_a_day_are_counted_up_to_a_bound(store: Store) -> None:
    assert await store.count_delivered(DAY, 6, 10)
    assert not await store.count_delivered(DAY, 5, 10)
    assert await store.count_delivered(DAY, 4, 10)
    assert await store.delivered(DAY) == 10
    assert await store.count_delivered(DAY + timedelta(1), 10, 10)
