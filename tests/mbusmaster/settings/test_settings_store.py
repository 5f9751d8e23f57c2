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


def test_a_file_of_layout_2_goes_on_doing_what_it_did() -> None:
    settings = Store(FILES / "version-2.toml").load().settings
    bus, attic = settings.buses
    assert (bus.parity, bus.default_baud, bus.max_baud, bus.timeout, bus.retries) == (
        "none",
        9600,
        9600,
        1,
        2,
    )
    assert (bus.allow_writes, bus.allow_baud_switch) == (True, False)
    assert (bus.hold, bus.lease, bus.lease_limit) == (1.5, 20, 60)
    assert attic.url == "tcp://10.0.0.5:10001?allowance=1"
    plain_tcp = settings.channels.plain_tcp
    assert (plain_tcp.enabled, plain_tcp.port, plain_tcp.bus, plain_tcp.max_clients) == (
        True,
        24020,
        "attic",
        10,
    )
    assert (plain_tcp.max_clients_per_source, plain_tcp.idle_close) == (5, 60)
    assert settings.log.level == "debug"


@pytest.mark.parametrize("name", ["version-2.toml", "version-3.toml"])
def test_the_line_monitor_of_an_older_file_is_still_asked(name: str) -> None:
    main, attic = Store(FILES / name).load().settings.buses
    assert (main.line.monitor, attic.line.monitor) == ("tcp://127.0.0.1:24011", None)


@pytest.mark.parametrize("name", ["version-1.toml", "version-2.toml"])
def test_an_older_file_opens_nothing_that_it_did_not_know(name: str) -> None:
    settings = Store(FILES / name).load().settings
    channels = settings.channels
    assert not any(
        (
            channels.secured_tcp.enabled,
            channels.rfc2217.enabled,
            channels.serial_port.enabled,
            channels.discovery,
            settings.web.enabled,
            settings.hosting.enabled,
            settings.firmware.automatic,
        )
    )
    assert settings.time.source == "manual"


def test_an_older_file_may_already_ask_for_what_is_new(store: Store) -> None:
    store.path.write_text("version = 2\n[channels.secured_tcp]\nport = 1446\n[web]\nport = 0\n")
    settings = store.load().settings
    assert (settings.channels.secured_tcp.enabled, settings.channels.secured_tcp.port) == (True, 1446)
    assert (settings.web.enabled, settings.channels.discovery) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "version = 2\nchannels = 5\n",
        "version = 1\nplain_tcp = 5\n",
        "version = 1\nbus = [1]\n",
        "version = 3\nlog = " + "[" * 5000,
        "version = 3\n[web]\nport = " + "9" * 5000,
        "version = 3\n[web]\nport = 0x" + "f" * 5000,
        "version = 3\n[web]\nport = true\n",
        "version = 3\n[web]\nlongest_hours = nan\n",
        'version = 3\n[device]\nname = "\\u0000"\n',
        "version = 3\n[device]\nname = 1979-05-27\n",
    ],
)
def test_any_text_is_settings_or_an_error_that_names_the_file(store: Store, text: str) -> None:
    store.path.write_text(text)
    with pytest.raises(SettingsError, match=str(store.path)):
        store.load()


def test_a_damaged_file_is_kept_beside_the_new_one(store: Store) -> None:
    store.save(a_setup("first"))
    store.path.write_bytes(b"rubbish")
    store.save(a_setup("second"))
    assert store.damaged_path.read_bytes() == b"rubbish"


@pytest.mark.parametrize(
    "line", ["version = 99", "version = 5", "version = 0", "", "version = true", 'version = "2"']
)
def test_a_layout_that_is_not_known_is_refused(store: Store, line: str) -> None:
    store.path.write_text(line + "\n")
    with pytest.raises(SettingsError, match="layout"):
        store.load()
