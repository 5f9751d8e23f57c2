"""A backup of a head-end, and bringing it back."""

import asyncio
import gzip
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mbusheadend.backup import BackupError, inspect, make_backup, restore
from mbusheadend.state import KEY_FILE, USERS, authority_of, open_store
from mbusheadend.store import StoreRefusedError
from mbusheadend.store.local import LocalKeys, LocalPlace
from mbusio.listreading import Patience
from support.headend_messages import LATER, SERIAL, START, batch, enrol, reading
from support.headend_meters import ADDRESS, ENERGY, KEY, encrypted, number_of

WORD = "a long passphrase"
LOCAL = "local-1"
KEYS = LocalKeys(b"-----BEGIN PRIVATE KEY-----", b"authority")


def nobody() -> str:
    raise AssertionError("no passphrase is needed")


async def filled(state: Path, backup: Path, passphrase: str | None = None) -> Path:
    """Make a head-end with a meter's key, a user and settings; back it up."""
    store = open_store(state)
    await enrol(store)
    await store.take(SERIAL, batch(reading(1, ADDRESS, [encrypted(5, 1)])), START)
    await store.set_key(await number_of(store), KEY)
    await store.add_local_master(LOCAL, "cellar", LocalPlace("tls://192.0.2.7", Patience()), START, KEYS)
    with sqlite3.connect(state / USERS) as users:
        users.execute("CREATE TABLE person (name TEXT)")
        users.execute("INSERT INTO person VALUES ('anna')")
    users.close()
    settings = state.parent / "settings.toml"
    settings.write_text("version = 1\n")
    path = await make_backup(
        store, authority_of(state), state, backup, LATER, settings_file=settings, passphrase=passphrase
    )
    store.close()
    return path


async def test_under_a_passphrase_all_comes_back_also_the_keys_of_meters(tmp_path: Path) -> None:
    state, other = tmp_path / "state", tmp_path / "other"
    path = await filled(state, tmp_path / "backup.tar.gz", WORD)
    assert path.stat().st_mode & 0o777 == 0o600
    content = gzip.decompress(path.read_bytes())
    assert b"PRIVATE KEY" not in content
    assert (state / KEY_FILE).read_bytes() not in content
    with pytest.raises(BackupError, match="passphrase is wrong"):
        restore(path, other, lambda: "another passphrase")
    done = restore(path, other, lambda: WORD)
    assert (done.manifest.made_at, done.has_keys) == (LATER, True)
    assert done.settings is not None
    assert done.settings.read_text() == "version = 1\n"
    for name in (KEY_FILE, "authority/authority.pem"):
        assert (other / name).read_bytes() == (state / name).read_bytes()
        assert (other / name).stat().st_mode & 0o777 == 0o600
    users = sqlite3.connect(other / USERS)
    assert users.execute("SELECT name FROM person").fetchall() == [("anna",)]
    users.close()
    store = open_store(other)
    meter = await number_of(store)
    await store.redecode_meter(meter)
    assert (await store.latest([meter]))[meter].value(ENERGY) == 5000
    assert await store.local_keys(LOCAL) == KEYS
    store.close()
    assert not [path.name for path in other.iterdir() if path.name.startswith(".")]


async def test_without_one_the_keys_of_meters_stay_at_home(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    path = await filled(tmp_path / "state", tmp_path / "backups")
    assert path == tmp_path / "backups" / "mbusheadend-20261124T000000Z.tar"
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert (tmp_path / "state" / KEY_FILE).read_bytes() not in path.read_bytes()
    assert not inspect(path).is_sealed
    done = restore(path, tmp_path / "other", nobody)
    assert not done.has_keys
    store = open_store(tmp_path / "other")
    assert await store.closed_keys() == 1
    with pytest.raises(StoreRefusedError):
        await store.local_keys(LOCAL)
    store.close()
    with pytest.raises(BackupError, match="overwrites nothing"):
        await filled(tmp_path / "third", path)


async def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    state = tmp_path / "state"
    path = await filled(state, tmp_path / "backup.tar")
    before = {file: file.read_bytes() for file in state.rglob("*") if file.is_file()}
    with pytest.raises(BackupError, match="already"):
        restore(path, state, nobody)
    assert {file: file.read_bytes() for file in state.rglob("*") if file.is_file()} == before


async def test_restoring_that_was_broken_off_can_be_done_again(tmp_path: Path) -> None:
    path = await filled(tmp_path / "state", tmp_path / "backup.tar")
    other = tmp_path / "other"
    (other / ".restoring").mkdir(parents=True)
    (other / "authority").mkdir()
    (other / "authority" / "authority.pem").write_bytes(b"half")
    restore(path, other, nobody)
    assert authority_of(other).fingerprint == authority_of(tmp_path / "state").fingerprint


Change = Callable[[dict[str, bytes]], None]


def repacked(path: Path, change: Change, kind: bytes = tarfile.REGTYPE) -> None:
    """Pack a backup again with other content."""
    with tarfile.open(path) as tar:
        members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = (len(data), kind) if kind == tarfile.REGTYPE else (0, kind)
            info.linkname = "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))


def manifest(**changes: Any) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **changes}).encode()

    return change


def altered(members: dict[str, bytes]) -> None:
    members["headend.sqlite"] = members["headend.sqlite"][:-1] + b"?"


def stranger(members: dict[str, bytes]) -> None:
    members["../../etc/cron.d/evil"] = b"* * * * * root reboot"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (altered, "altered or is damaged"),
        (stranger, "does not name so"),
        (lambda members: members.pop("headend.sqlite"), "ends too early"),
        (lambda members: members.pop("manifest.json"), "no manifest"),
        (manifest(format=2), "update this program"),
        (manifest(kind="something"), "no backup of a head-end"),
        (manifest(files=[]), "no backup of a head-end"),
    ],
)
async def test_what_is_no_sound_backup_is_refused_and_leaves_nothing(
    change: Change, words: str, tmp_path: Path
) -> None:
    path = await filled(tmp_path / "state", tmp_path / "backup.tar")
    repacked(path, change)
    with pytest.raises(BackupError, match=words):
        restore(path, tmp_path / "other", nobody)
    assert not any((tmp_path / "other").iterdir())


async def test_links_and_halves_are_refused(tmp_path: Path) -> None:
    path = await filled(tmp_path / "state", tmp_path / "backup.tar")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupError, match=r"damaged|too early"):
        restore(path, tmp_path / "other", nobody)
    path.write_bytes(whole)
    repacked(path, lambda members: None, tarfile.SYMTYPE)
    with pytest.raises(BackupError, match="no manifest"):
        restore(path, tmp_path / "other", nobody)
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(BackupError, match="no backup"):
        inspect(path)
    with pytest.raises(BackupError, match="cannot read"):
        await asyncio.to_thread(inspect, tmp_path / "nothing")
