"""Settings that a head-end tries and sets."""

from pathlib import Path

import pytest

from mbushosting.contact import Command, CommandKind
from mbushosting.fleet_settings import KNOWN, MAX_ANSWER, SettingChange, SettingsAnswer, SettingsOrder
from mbusmaster.hosting.errands import Done
from mbusmaster.ordered_settings import NOT_FOR_FLEET, UNKNOWN, OrderedSettings, version_of
from mbusmaster.settings import Settings
from mbusmaster.settings.service import SettingsService
from mbusmaster.settings.store import Store
from mbusmaster.settings.tree import settings, spot


class Owner:
    """A master whose settings lie in a folder."""

    def __init__(self, folder: Path) -> None:
        store = Store(folder / "gateway.toml")
        store.save(Settings())
        self.service = SettingsService(store, store.load())
        self.restarts: list[str] = []
        self.records: list[str] = []
        self.ordered = OrderedSettings(self.service, restart=self.restarts.append, record=self.records.append)

    async def do(
        self, wanted: dict[str, object], *, dry_run: bool = True, seen: str = "", restart: bool = False
    ) -> Done:
        order = SettingsOrder.model_validate(
            {"values": wanted, "dry_run": dry_run, "seen": seen, "restart": restart}
        )
        return await self.ordered.do(Command(id="order-1", kind=CommandKind.SETTINGS, settings=order))


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


def answer(done: Done) -> SettingsAnswer:
    return SettingsAnswer.model_validate_json(done.detail)


async def test_a_dry_run_says_what_would_change_and_changes_nothing(owner: Owner) -> None:
    done = await owner.do({"log.level": "debug", "time.server": "nts.example.org"})
    said = answer(done)
    assert done.outcome == "done"
    assert {(one.path, one.old, one.new, one.needs_restart) for one in said.changes} == {
        ("time.server", None, "nts.example.org", False),
        ("log.level", "info", "debug", True),
    }
    assert owner.service.stored == Settings()
    assert (owner.records, said.applied) == ([], False)


async def test_what_was_tried_is_set_with_the_version_that_was_seen(owner: Owner) -> None:
    seen = answer(await owner.do({"time.server": "nts.example.org"})).version
    done = await owner.do({"time.server": "nts.example.org"}, dry_run=False, seen=seen)
    assert answer(done).applied
    assert owner.service.running.time.server == "nts.example.org"
    assert owner.records == ["settings set (order-1): time.server: None → nts.example.org"]
    again = answer(await owner.do({"time.server": "nts.example.org"}, dry_run=False))
    assert again.applied
    assert not again.changes


async def test_settings_that_changed_since_the_dry_run_stay_as_they_are(owner: Owner) -> None:
    seen = answer(await owner.do({"time.server": "nts.example.org"})).version
    owner.service.change({"log.level": "warning"})
    done = await owner.do({"time.server": "nts.example.org"}, dry_run=False, seen=seen)
    assert (done.outcome, answer(done).changed_since) == ("refused", True)
    assert owner.service.stored.time.server is None


async def test_what_no_head_end_may_set_does_not_count_as_a_change(owner: Owner) -> None:
    before = version_of(owner.service.stored)
    owner.service.change({"device.name": "Mill Lane"})
    assert version_of(owner.service.stored) == before


@pytest.mark.parametrize(
    "path", ["ethernet.address", "web.lan", "hosting.enabled", "hosting.allow_settings", "buses.0.url"]
)
async def test_what_is_not_for_a_fleet_is_refused_and_nothing_else_is_set(owner: Owner, path: str) -> None:
    done = await owner.do({path: "x", "time.server": "nts.example.org"}, dry_run=False)
    assert done.outcome == "refused"
    assert answer(done).changes == (SettingChange(path=path, refused=NOT_FOR_FLEET),)
    assert owner.service.stored == Settings()


async def test_what_the_schema_refuses_is_refused_with_its_words(owner: Owner) -> None:
    changes = answer(await owner.do({"web.idle_minutes": 0, "nothing.here": 1})).changes
    assert changes == (SettingChange(path="nothing.here", refused=UNKNOWN),)
    (change,) = answer(await owner.do({"web.idle_minutes": 0})).changes
    assert change.path == "web.idle_minutes"
    assert change.refused


async def test_a_star_stands_for_every_bus(owner: Owner) -> None:
    owner.service.change({"buses": [{"name": "main"}, {"name": "second", "url": "/dev/ttyUSB1"}]})
    said = answer(await owner.do({"buses.*.timeout": 3}, dry_run=False, restart=True))
    assert [one.path for one in said.changes] == ["buses.0.timeout", "buses.1.timeout"]
    assert said.restarts


async def test_the_master_restarts_only_where_that_is_wanted_and_needed(owner: Owner) -> None:
    for values in ({"time.server": "nts.example.org"}, {"log.level": "debug"}):
        done = await owner.do({**values}, dry_run=False, restart=True)
        done.then()
    assert len(owner.restarts) == 1
    done = await owner.do({"log.level": "error"}, dry_run=False)
    done.then()
    assert len(owner.restarts) == 1


async def test_an_owner_can_refuse_all_of_it(owner: Owner) -> None:
    owner.service.change({"hosting.allow_settings": False})
    assert owner.ordered.willing == "off"
    done = await owner.do({"time.server": "nts.example.org"}, dry_run=False)
    assert (done.outcome, owner.service.stored.time.server) == ("refused", None)


def test_an_answer_is_never_longer_than_a_result_may_be() -> None:
    long = tuple(SettingChange(path=f"a.b{number}", refused="x" * 200) for number in range(256))
    said = SettingsAnswer(version="1", changes=long)
    assert len(said.as_detail()) <= MAX_ANSWER
    assert SettingsAnswer.model_validate_json(said.as_detail()).cut


def test_head_ends_know_the_names_of_what_they_may_set() -> None:
    dump = Settings().model_dump(mode="json")
    marked = [here.path.replace("buses.0.", "buses.*.") for here, _ in settings(dump) if here.fleet]
    assert sorted(marked) == sorted(KNOWN)


def test_nothing_that_could_cut_a_master_off_or_let_somebody_in_is_for_a_fleet() -> None:
    marked = {here.path for here, _ in settings(Settings().model_dump(mode="json")) if here.fleet}
    assert marked, "some are"
    assert not any(path.startswith(("ethernet", "device", "panel", "state_folder")) for path in marked)
    words = ("password", "proxy", "url", "bind", "port", "lan", "file", "folder", "allow", "address", "hosts")
    assert not any(word in path.rpartition(".")[2].split("_") for path in marked for word in words)
    hosting = spot("hosting.enabled")
    assert hosting is not None
    assert not hosting.fleet
