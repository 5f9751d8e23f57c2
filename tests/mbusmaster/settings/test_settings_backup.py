import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusio.sealing import Cost
from mbusmaster.settings import Loaded, Settings, SettingsService, Store
from mbusmaster.settings.backup import (
    KIND,
    MAX_SIZE,
    BackupError,
    BackupTemplate,
    Header,
    inspect,
    restore,
    save,
)
from mbusmaster.settings.schema import VERSION

FILES = Path(__file__).parent / "files"
AT = datetime(2026, 11, 22, 12, 30, tzinfo=timezone(timedelta(hours=1)))
PASSPHRASE = "correct horse battery staple"
SECRETS = {"users": b'{"anna": "$argon2id$..."}', "ca.key": bytes(range(256))}
QUICK = Cost(1 << 14, 8, 1)
SETTINGS = Settings.model_validate(
    {
        "device": {"name": "Cellar", "serial_number": "4711"},
        "state_folder": "/srv/secret-place",
        "buses": [{"name": "a", "url": "/dev/ttyUSB7"}, {"name": "b", "timeout": 3}],
        "channels": {"plain_tcp": {"enabled": True, "bus": "b"}},
        "web": {"setup_address": "127.0.0.1", "port": 8080, "idle_minutes": 5},
        "panel": {"led_names": {"power_red": "red"}, "virtual_button": True},
    }
)


def plain(**more: Any) -> bytes:
    return json.dumps({**json.loads(save(SETTINGS, made_at=AT, serial_number="4711")), **more}).encode()


@pytest.fixture(scope="module")
def encrypted() -> bytes:
    return save(
        SETTINGS, made_at=AT, serial_number="4711", passphrase=PASSPHRASE, secrets=SECRETS, cost=QUICK
    )


def refusal(data: bytes, passphrase: str | None = PASSPHRASE) -> BackupTemplate:
    with pytest.raises(BackupError) as caught:
        restore(data, passphrase)
    assert PASSPHRASE not in str(caught.value)
    return caught.value.key


def test_a_plain_file_brings_the_settings_back_and_has_no_secret() -> None:
    restored = restore(plain())
    assert restored.settings.buses == SETTINGS.buses
    assert restored.settings.channels == SETTINGS.channels
    assert restored.settings.web.idle_minutes == 5
    assert restored.secrets == {}
    assert set(json.loads(plain())) == {
        "kind", "format", "layout", "made_at", "name", "serial_number", "settings"
    }  # fmt: skip


def test_secrets_never_go_into_a_plain_file() -> None:
    with pytest.raises(ValueError, match="passphrase"):
        save(SETTINGS, made_at=AT, serial_number="", secrets=SECRETS)


def test_an_encrypted_file_brings_settings_and_secrets_back(encrypted: bytes) -> None:
    restored = restore(encrypted, PASSPHRASE)
    assert restored.settings == restore(plain()).settings
    assert restored.secrets == SECRETS
    for hidden in (b"argon2", b"ttyUSB7", base64.b64encode(SECRETS["ca.key"])[:20]):
        assert hidden not in encrypted


def test_the_file_says_what_it_is_before_it_is_opened(encrypted: bytes) -> None:
    made_at = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
    assert inspect(encrypted) == Header(VERSION, made_at, "Cellar", "4711", is_encrypted=True)
    assert inspect(plain()) == Header(VERSION, made_at, "Cellar", "4711", is_encrypted=False)


def test_a_passphrase_typed_on_another_keyboard_is_the_same() -> None:
    data = save(
        SETTINGS, made_at=AT, serial_number="", passphrase="P\u0159\u00edli\u0161 dlouh\u00e1", cost=QUICK
    )
    assert restore(data, "Pr\u030ci\u0301lis\u030c dlouha\u0301").settings.buses == SETTINGS.buses


@pytest.mark.parametrize("passphrase", ["", "elevenchars", "x" * 1025])
def test_a_passphrase_that_is_too_short_or_too_long_is_refused(passphrase: str) -> None:
    with pytest.raises(BackupError, match="12 to 1024 characters"):
        save(SETTINGS, made_at=AT, serial_number="", passphrase=passphrase)


def test_a_configuration_that_is_too_big_is_not_saved() -> None:
    with pytest.raises(BackupError, match="bigger than"):
        save(
            SETTINGS,
            made_at=AT,
            serial_number="",
            passphrase=PASSPHRASE,
            secrets={"a": bytes(MAX_SIZE)},
            cost=QUICK,
        )


def test_another_machine_keeps_what_is_its_own(tmp_path: Path) -> None:
    data = plain()
    assert b"secret-place" not in data
    here = Settings.model_validate({"state_folder": "/srv/here", "web": {"port": 81}})
    store = Store(tmp_path / "mbusmaster.toml")
    service = SettingsService(store, Loaded(here, None))
    service.replace(restore(data).settings)
    stored = store.load().settings
    assert str(stored.state_folder) == "/srv/here"
    assert (stored.web.port, str(stored.web.setup_address)) == (81, "10.0.0.1")
    assert (stored.device.name, stored.device.serial_number) == ("Cellar", None)
    assert stored.panel == here.panel
    assert stored.buses == SETTINGS.buses


def test_a_file_that_names_another_state_folder_does_not_move_it() -> None:
    settings = {
        "state_folder": "/tmp/evil",
        "web": {"setup_address": "192.168.1.1"},
        "panel": {"led_folder": "/"},
    }
    restored = restore(plain(settings=settings)).settings
    assert (restored.state_folder, restored.web, restored.panel) == (
        Settings().state_folder,
        Settings().web,
        Settings().panel,
    )


def test_older_layouts_are_brought_up_to_date() -> None:
    settings = {"buses": [{"name": "cellar"}], "channels": {"plain_tcp": {"enabled": True}}}
    restored = restore(plain(layout=2, settings=settings)).settings
    assert restored.channels.plain_tcp.enabled
    assert not restored.channels.secured_tcp.enabled


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", BackupTemplate.OTHER_KIND),
        (b"\xff\xfe", BackupTemplate.OTHER_KIND),
        (b"[]", BackupTemplate.OTHER_KIND),
        (b"[" * 100_000, BackupTemplate.OTHER_KIND),
        (b'{"a":' * 100_000, BackupTemplate.OTHER_KIND),
        (b'{"kind": ' + b"9" * 10_000 + b"}", BackupTemplate.OTHER_KIND),
        (b'{"kind": "something else"}', BackupTemplate.OTHER_KIND),
        (b" " * (MAX_SIZE + 1), BackupTemplate.TOO_BIG),
        (json.dumps({"kind": KIND}).encode(), BackupTemplate.DAMAGED),
        (plain(format=2), BackupTemplate.NEWER),
        (plain(layout=VERSION + 1), BackupTemplate.NEWER),
        (plain(layout=0), BackupTemplate.DAMAGED),
        (plain(layout=True), BackupTemplate.DAMAGED),
        (plain(layout="3"), BackupTemplate.DAMAGED),
        (plain(made_at="yesterday"), BackupTemplate.DAMAGED),
        (plain(made_at="0001-01-01T00:00:00+14:00"), BackupTemplate.DAMAGED),
        (plain(name=5), BackupTemplate.DAMAGED),
        (plain(settings=[]), BackupTemplate.DAMAGED),
        (plain(settings={"surprise": 1}), BackupTemplate.UNUSABLE),
        (plain(settings={"channels": 5}), BackupTemplate.UNUSABLE),
        (plain(layout=2, settings={"channels": 5}), BackupTemplate.UNUSABLE),
        (plain(layout=1, settings={"bus": 5, "plain_tcp": []}), BackupTemplate.UNUSABLE),
        (plain(settings={"buses": [{"timeout": 10**30}]}), BackupTemplate.UNUSABLE),
        (plain(sealed="x"), BackupTemplate.DAMAGED),
        (plain(sealed=5, encryption=[]), BackupTemplate.DAMAGED),
    ],
)
def test_a_file_that_is_not_good_is_refused_with_what_to_do(data: bytes, key: BackupTemplate) -> None:
    assert refusal(data) is key


def test_what_is_wrong_with_settings_in_a_file_is_told_with_its_place() -> None:
    with pytest.raises(BackupError) as caught:
        restore(plain(settings={"buses": [{"timeout": 9}]}))
    assert "buses.1.timeout: must be 1 to 3" in str(caught.value)
    assert [one.path for one in caught.value.problems] == ["buses.0.timeout"]


@pytest.mark.parametrize(
    ("passphrase", "key"),
    [
        (None, BackupTemplate.ENCRYPTED),
        ("", BackupTemplate.ENCRYPTED),
        ("wrong", BackupTemplate.WRONG_PASSPHRASE),
        ("\ud800", BackupTemplate.WRONG_PASSPHRASE),
        ("x" * 10_000, BackupTemplate.WRONG_PASSPHRASE),
    ],
)
def test_a_missing_or_wrong_passphrase_is_told(
    encrypted: bytes, passphrase: str | None, key: BackupTemplate
) -> None:
    assert refusal(encrypted, passphrase) is key


def test_whoever_changes_an_encrypted_file_is_noticed(encrypted: bytes) -> None:
    fields = json.loads(encrypted)
    sealed = bytearray(base64.b64decode(fields["sealed"]))
    sealed[5] ^= 1
    for change in (
        {"sealed": base64.b64encode(sealed).decode()},
        {"serial_number": "0815"},
        {"layout": 2},
        {"settings": {"channels": {"plain_tcp": {"enabled": True}}}},
    ):
        assert refusal(json.dumps({**fields, **change}).encode()) is BackupTemplate.WRONG_PASSPHRASE


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"n": 1 << 40}, BackupTemplate.TOO_COSTLY),
        ({"n": 1 << 17}, BackupTemplate.TOO_COSTLY),
        ({"p": 1_000_000}, BackupTemplate.TOO_COSTLY),
        ({"n": 1024}, BackupTemplate.DAMAGED),
        ({"n": 20_000}, BackupTemplate.DAMAGED),
        ({"n": "32768"}, BackupTemplate.DAMAGED),
        ({"r": 1 << 20}, BackupTemplate.DAMAGED),
        ({"p": 0}, BackupTemplate.DAMAGED),
        ({"p": True}, BackupTemplate.DAMAGED),
        ({"key": "none"}, BackupTemplate.DAMAGED),
        ({"cipher": "rot13"}, BackupTemplate.DAMAGED),
        ({"salt": ""}, BackupTemplate.DAMAGED),
        ({"salt": "%%%%"}, BackupTemplate.DAMAGED),
        ({"nonce": None}, BackupTemplate.DAMAGED),
    ],
)
def test_a_file_cannot_ask_for_memory_or_for_weak_keys(
    encrypted: bytes, change: dict[str, Any], key: BackupTemplate
) -> None:
    fields = json.loads(encrypted)
    fields["encryption"].update(change)
    assert refusal(json.dumps(fields).encode()) is key


def test_the_usual_cost_is_one_that_can_be_read_back() -> None:
    data = save(SETTINGS, made_at=AT, serial_number="", passphrase=PASSPHRASE)
    assert restore(data, PASSPHRASE).settings.buses == SETTINGS.buses


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["format", "layout", "made_at", "name", "serial_number", "settings", "encryption", "sealed"]
)
SECTIONS = st.sampled_from([*Settings.model_fields, "bus", "plain_tcp", "surprise"])


@given(
    st.dictionaries(NAMES, JSON, max_size=2),
    st.none() | st.dictionaries(SECTIONS, JSON, max_size=3),
    st.sampled_from([1, 2, 3]),
)
def test_whatever_is_in_a_file_is_restored_or_refused(
    fields: dict[str, Any], settings: dict[str, Any] | None, layout: int
) -> None:
    tables = {} if settings is None else {"layout": layout, "settings": settings}
    try:
        restored = restore(
            plain(**tables, **{name: one for name, one in fields.items() if name not in tables}), "x"
        )
    except BackupError:
        return
    assert isinstance(restored.settings, Settings)


def test_files_of_older_releases_are_restored() -> None:
    restored = restore((FILES / "backup-format-1.json").read_bytes(), PASSPHRASE)
    assert restored.secrets == SECRETS
    assert [bus.name for bus in restored.settings.buses] == ["a", "b"]
