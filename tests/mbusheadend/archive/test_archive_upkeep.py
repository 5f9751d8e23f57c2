"""The head-end archives by itself, and gives up in the store what the archive has."""

from datetime import timedelta
from pathlib import Path

from mbusheadend.archive.settings import ArchiveSettings
from mbusheadend.service import HeadEnd
from mbusheadend.settings import Keep, Settings
from mbusheadend.state import authority_of, open_store
from support.headend_archive import AUGUST, ENDED, JULY, all_of, archivist, filled
from support.headend_messages import SERIAL, batch, reading
from support.headend_meters import ADDRESS

NOW = ENDED + timedelta(days=600)


async def test_the_store_gives_up_nothing_that_the_archive_does_not_have(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    await filled(store)
    await store.take(SERIAL, batch(reading(10**6, ADDRESS, taken=NOW)), NOW)
    place = tmp_path / "archive"
    place.write_text("this is no folder")
    settings = Settings(
        state_folder=tmp_path / "state", keep=Keep(raw_months=12), archive=ArchiveSettings(place=str(place))
    )
    upkeep = HeadEnd(settings, authority_of(tmp_path / "state"), store, lambda: NOW).upkeep
    report = await upkeep.turn()
    assert (report.raw, report.archived) == (0, 0)
    assert "archive" in report.error
    place.unlink()
    report = await upkeep.turn()
    sound = sum(one.outcome == "ok" for one in (await all_of(store)).values())
    assert (report.archived, report.raw, report.error) == (len(await all_of(store)) - 1, sound, "")
    archive = archivist(store, place, NOW)
    assert await archive.months() == (JULY, AUGUST)
    assert (await archive.check(JULY)).is_sound
    store.close()


async def test_where_the_settings_say_so_age_alone_counts(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state")
    await filled(store)
    await store.take(SERIAL, batch(reading(10**6, ADDRESS, taken=NOW)), NOW)
    place = tmp_path / "archive"
    place.write_text("this is no folder")
    settings = Settings(
        state_folder=tmp_path / "state",
        keep=Keep(raw_months=12),
        archive=ArchiveSettings(place=str(place), before_prune=False),
    )
    report = await HeadEnd(settings, authority_of(tmp_path / "state"), store, lambda: NOW).upkeep.turn()
    assert report.raw > 0
    store.close()
