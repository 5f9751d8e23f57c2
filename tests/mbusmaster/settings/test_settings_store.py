import os
from pathlib import Path

import pytest

from mbusmaster.settings import BusSettings, Settings, SettingsError, Store
from mbusmaster.settings.migrations import MIGRATIONS
from mbusmaster.settings.schema import VERSION

FILES = Path(__file__).parent / "files"


def a_setup(name: str) -> Settings:
    return Settings(buses=(BusSettings(name=name),))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "mbusmaster.toml")


def test_without_a_file_the_defaults_are_in_force(store: Store) -> None:
    loaded = store.load()
    assert loaded.settings == Settings()
    assert loaded.source is None
    assert not loaded.problem


def test_what_is_saved_is_loaded_again(store: Store) -> None:
    settings = Settings.model_validate(
        {
            "buses": [{"name": "a", "min_baud": 2400}, {"name": "b", "url": "tcp://10.0.0.5:10001"}],
            "channels": {"plain_tcp": {"enabled": True, "bind": ["127.0.0.1"], "bus": "b"}},
        }
    )
    store.save(settings)
    assert store.load().settings == settings


def test_the_file_before_becomes_the_backup(store: Store) -> None:
    store.save(a_setup("first"))
    store.save(a_setup("second"))
    assert Store(store.backup_path).load().settings == a_setup("first")


@pytest.mark.parametrize(
    "damage", [b"", b"version = 2\n[[buses]]\nname = ", b"\xff\xfe", b"version = 2\n[[buses]]\nname = 5\n"]
)
def test_a_damaged_file_is_reported_and_the_backup_is_used(store: Store, damage: bytes) -> None:
    store.save(a_setup("first"))
    store.save(a_setup("second"))
    store.path.write_bytes(damage)
    loaded = store.load()
    assert loaded.settings == a_setup("first")
    assert loaded.source == store.backup_path
    assert str(store.path) in loaded.problem


def test_a_damaged_file_never_becomes_the_backup(store: Store) -> None:
    store.save(a_setup("first"))
    store.save(a_setup("second"))
    store.path.write_bytes(b"rubbish")
    store.save(a_setup("third"))
    assert Store(store.backup_path).load().settings == a_setup("first")
    assert store.load().settings == a_setup("third")


def test_a_lost_file_is_replaced_by_the_backup(store: Store) -> None:
    store.save(a_setup("first"))
    store.save(a_setup("second"))
    store.path.unlink()
    loaded = store.load()
    assert loaded.settings == a_setup("first")
    assert "does not exist" in loaded.problem


def test_a_damaged_file_without_a_backup_is_an_error_that_names_it(store: Store) -> None:
    store.path.write_text("version = ")
    with pytest.raises(SettingsError, match=str(store.path)):
        store.load()


def test_unknown_settings_are_all_named_with_their_place(store: Store) -> None:
    store.path.write_text(
        'version = 2\nspeed = 1\n[[buses]]\nname = "a"\n[[buses]]\nname = "b"\nbauds = 300\ntimeout = 9\n'
    )
    with pytest.raises(SettingsError) as caught:
        store.load()
    assert "speed: no such setting" in str(caught.value)
    assert "buses.2.bauds: no such setting" in str(caught.value)
    assert "buses.2.timeout: " in str(caught.value)


def test_one_wrong_value_is_one_problem(store: Store) -> None:
    store.path.write_text("version = 2\n[[buses]]\ntimeout = 9\n")
    with pytest.raises(SettingsError) as caught:
        store.load()
    assert "buses.1.timeout: " in str(caught.value)
    assert "buses: " not in str(caught.value)
    store.path.write_text("version = 2\nbuses = []\n")
    with pytest.raises(SettingsError, match=r"buses: must have 1 to 16 entries"):
        store.load()


def test_nothing_temporary_stays_behind(store: Store) -> None:
    store.save(a_setup("first"))
    store.save(a_setup("second"))
    assert sorted(os.listdir(store.path.parent)) == ["mbusmaster.toml", "mbusmaster.toml.backup"]


def test_a_write_that_fails_leaves_the_old_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(a_setup("first"))

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(SettingsError, match="No space left"):
        store.save(a_setup("second"))
    assert store.load().settings == a_setup("first")
    assert sorted(os.listdir(store.path.parent)) == ["mbusmaster.toml"]


def test_others_on_the_machine_cannot_read_the_file(store: Store) -> None:
    store.save(Settings())
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_there_is_a_step_from_every_older_layout() -> None:
    assert sorted(MIGRATIONS) == list(range(1, VERSION))


def test_a_file_of_layout_1_is_still_understood() -> None:
    settings = Store(FILES / "version-1.toml").load().settings
    assert [(bus.name, bus.url, bus.default_baud) for bus in settings.buses] == [
        ("cellar", "/dev/ttyUSB1", 300)
    ]
    assert settings.channels.plain_tcp.port == 10001


@pytest.mark.parametrize("line", ["version = 99", "version = 0", "", "version = true", 'version = "2"'])
def test_a_layout_that_is_not_known_is_refused(store: Store, line: str) -> None:
    store.path.write_text(line + "\n")
    with pytest.raises(SettingsError, match="layout"):
        store.load()
