"""Those who make releases: what they sign is what devices take, also after keys were replaced or lost."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mbusreleases import __main__ as command
from mbusreleases.description import this_platform
from mbusreleases.errors import EXPIRED, WRONG_SIGNATURE, KeyFileError, MakingError, ReleaseError
from mbusreleases.making import (
    ROLES,
    KeyFolder,
    check,
    make_keys,
    make_release,
    refresh,
    replace_keys,
)
from mbusreleases.repository import ReleaseRepository
from support.needs import PROJECT
from support.releases import NOW, ReleaseMaker
from support.slots import SYSTEM_PYTHON, Machine

PASSPHRASE = b"correct horse battery"


class Office:
    """Where releases are made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = KeyFolder(folder / "keys", PASSPHRASE, None)
        self.place = folder / "repository"
        self.now = NOW
        self._fakes = ReleaseMaker(folder / "fakes")
        make_keys(self.keys, self.repository)
        self.root = self.repository.root(1)

    @property
    def repository(self) -> ReleaseRepository:
        return ReleaseRepository(self.place, self.now)

    def release(self, number: int) -> Path:
        description = self._fakes.description(number)
        target = (description, self._fakes.target(description, "print()"))
        return make_release(self.keys, self.repository, [target], self.folder / "dist", self.now)

    def check(self, path: Path) -> int:
        return check(path, self.root, this_platform(), self.now).number


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_keys_are_encrypted_but_for_the_online_ones_and_readable_by_their_owner_only(office: Office) -> None:
    for name in ROLES:
        path = office.keys.file(name)
        assert (b"ENCRYPTED" in path.read_bytes()) is name.startswith("offline")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_are_never_written_over(office: Office) -> None:
    with pytest.raises(KeyFileError, match="never written over"):
        make_keys(office.keys, office.repository)


def test_a_wrong_passphrase_is_said(office: Office) -> None:
    with pytest.raises(KeyFileError, match="wrong passphrase"):
        KeyFolder(office.keys.path, b"another passphrase", None).load("offline/targets")


def test_releases_follow_each_other(office: Office) -> None:
    assert office.check(office.release(1)) == 1
    assert office.check(office.release(2)) == 2
    with pytest.raises(MakingError, match="older"):
        office.release(1)
    assert len(list((office.place / "targets").iterdir())) == 1


def test_the_server_signs_with_nothing_but_its_own_two_keys(office: Office) -> None:
    office.release(1)
    for path in (office.keys.path / "offline").iterdir():
        path.unlink()
    refresh(KeyFolder(office.keys.path, None, None), office.repository)
    timestamp = json.loads((office.place / "metadata" / "timestamp.json").read_bytes())
    assert timestamp["signed"]["version"] == 1
    refresh(KeyFolder(office.keys.path, None, None), office.repository)
    snapshots = sorted(path.name for path in (office.place / "metadata").glob("*.snapshot.json"))
    assert snapshots == ["1.snapshot.json", "2.snapshot.json"]


@pytest.mark.parametrize("name", [name for name in ROLES if name.startswith("offline")])
def test_a_key_can_be_replaced_though_it_was_lost(name: str, office: Office) -> None:
    before = office.release(1)
    office.keys.file(name).unlink()
    replace_keys(office.keys, office.repository, [name], office.now)
    assert office.check(office.release(2)) == 2
    assert office.check(before) == 1


def test_all_keys_can_be_replaced_while_the_root_keys_are_there(office: Office) -> None:
    office.release(1)
    replace_keys(office.keys, office.repository, list(ROLES), office.now)
    assert office.check(office.release(2)) == 2
    assert len(list(office.keys.path.glob("*/*.old"))) == len(ROLES)


def test_a_key_that_was_replaced_signs_nothing_any_more(office: Office) -> None:
    stolen = office.keys.file("offline/targets").read_bytes()
    replace_keys(office.keys, office.repository, ["offline/targets"], office.now)
    office.keys.file("offline/targets").write_bytes(stolen)
    with pytest.raises(ReleaseError) as refused:
        office.release(1)
    assert refused.value.template == WRONG_SIGNATURE


def test_without_two_root_keys_nothing_can_be_replaced(office: Office) -> None:
    for name in ("root-1", "root-3"):
        office.keys.file(f"offline/{name}").unlink()
    with pytest.raises(KeyFileError, match="2 root keys are needed"):
        replace_keys(office.keys, office.repository, ["offline/targets"], office.now)
    assert office.check(office.release(1)) == 1


def test_a_root_is_renewed_before_it_expires(office: Office) -> None:
    office.now += timedelta(days=3600)
    replace_keys(office.keys, office.repository, [], office.now)
    office.now += timedelta(days=200)
    assert office.check(office.release(1)) == 1


def test_a_file_expires_after_two_years(office: Office) -> None:
    path = office.release(1)
    office.now += timedelta(days=729)
    assert office.check(path) == 1
    office.now += timedelta(days=3)
    with pytest.raises(ReleaseError) as refused:
        office.check(path)
    assert refused.value.template == EXPIRED


def test_the_command_says_which_keys_there_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(command.OFFLINE_PASSPHRASE, PASSPHRASE.decode())
    places = ["--keys", str(tmp_path), "--repository", str(tmp_path)]
    with pytest.raises(SystemExit):
        command.main(["rotate", *places, "offline/root-4"])
    assert "offline/root-3" in capsys.readouterr().err
    assert command.main(["rotate", *places]) == 1
    assert "2 root keys are needed" in capsys.readouterr().err


def test_a_short_passphrase_is_not_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(command.OFFLINE_PASSPHRASE, "short")
    assert command.main(["keys", "--keys", str(tmp_path), "--repository", str(tmp_path)]) == 1
    assert "at least 12" in capsys.readouterr().err


@pytest.mark.process
@pytest.mark.timeout(400)
def test_the_real_project_is_released_and_installed_by_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(command.OFFLINE_PASSPHRASE, PASSPHRASE.decode())
    places = ["--keys", str(tmp_path / "keys"), "--repository", str(tmp_path / "releases")]
    root = tmp_path / "releases" / "metadata" / "1.root.json"
    dist = tmp_path / "dist"
    assert command.main(["keys", *places]) == 0
    build = ["--number", "7", "--out", str(dist), "--python", str(SYSTEM_PYTHON), "--project", str(PROJECT)]
    assert command.main(["release", *places, *build]) == 0, capfd.readouterr().err
    assert command.main(["refresh", *places]) == 0
    (path,) = dist.iterdir()
    assert path.name == "MBMC2022_release_0007.tar"
    assert command.main(["check", str(path), "--root", str(root)]) == 0
    assert "release 7, version " in capfd.readouterr().out

    machine = Machine(tmp_path / "machine", root, package=0, run=None)
    machine.install(path, now=datetime.now(UTC))
    machine.start()
    assert "usage: mbusmaster" in machine.runs()
