"""What those who make releases do: keys, releases, fresh signatures, other keys (docs/releases.md)."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from securesystemslib.signer import CryptoSigner

from mbusreleases.archive import unpack
from mbusreleases.description import Description, Kind, Platform, read_description
from mbusreleases.errors import KeyFileError, MakingError, ReleaseError
from mbusreleases.keys import OFFLINE, ONLINE, ROOT_THRESHOLD, ROOTS, load_key, make_key
from mbusreleases.repository import ReleaseRepository, Signers
from mbusreleases.sources import from_folder
from mbusreleases.verify import LIMITS, Release, open_bundle, open_target, verify

ROLES: Final = {
    **{f"{OFFLINE}/{name}": "root" for name in ROOTS},
    f"{OFFLINE}/targets": "targets",
    f"{OFFLINE}/snapshot": "snapshot",
    f"{OFFLINE}/timestamp": "timestamp",
    f"{ONLINE}/snapshot": "snapshot",
    f"{ONLINE}/timestamp": "timestamp",
}
"""The key files, and the role of each."""
_IDS: Final = "ids.json"


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The keys in a folder.

    :ivar offline: passphrase of the offline keys.
    :ivar online: that of the online ones; None where they are plain.
    """

    path: Path
    offline: bytes | None
    online: bytes | None

    def file(self, name: str) -> Path:
        """Give the file of a key."""
        return self.path / f"{name}.pem"

    def make(self, name: str) -> CryptoSigner:
        """Make a key, and note its id, by which it is taken back when it is lost."""
        signer = make_key(self.file(name), self._passphrase(name))
        ids = self.ids()
        ids[name] = signer.public_key.keyid
        (self.path / _IDS).write_text(json.dumps(ids, indent=1) + "\n", "ascii")
        return signer

    def load(self, name: str) -> CryptoSigner:
        """Read a key; raise `KeyFileError`."""
        return load_key(self.file(name), self._passphrase(name))

    def roots(self) -> list[CryptoSigner]:
        """Read the root keys that are there; raise `KeyFileError` where these are too few."""
        there = [name for name in (f"{OFFLINE}/{root}" for root in ROOTS) if self.file(name).exists()]
        if len(there) < ROOT_THRESHOLD:
            raise KeyFileError(
                f"{ROOT_THRESHOLD} root keys are needed in {self.path / OFFLINE}, {len(there)} are there"
            )
        return [self.load(name) for name in there]

    def ids(self) -> dict[str, str]:
        """Give the ids of the keys by name; they are no secret."""
        try:
            ids: dict[str, str] = json.loads((self.path / _IDS).read_text("ascii"))
        except FileNotFoundError:
            return {}
        return ids

    def _passphrase(self, name: str) -> bytes | None:
        return self.online if name.startswith(ONLINE) else self.offline


def make_keys(keys: KeyFolder, repository: ReleaseRepository) -> None:
    """Make all keys and the first root; raise `KeyFileError` or `MakingError`."""
    made = {name: keys.make(name) for name in ROLES}
    by_role: dict[str, list[CryptoSigner]] = {}
    for name, signer in made.items():
        by_role.setdefault(ROLES[name], []).append(signer)
    repository.begin(by_role, Signers(root=by_role["root"], targets=made[f"{OFFLINE}/targets"]))
    repository.check_roots()


def make_release(
    keys: KeyFolder,
    repository: ReleaseRepository,
    targets: Sequence[tuple[Description, Path]],
    into: Path,
    now: datetime,
) -> Path:
    """Offer targets of one release, and write its file, checked as a device checks it; give its path."""
    signers = Signers(
        targets=keys.load(f"{OFFLINE}/targets"),
        snapshot=keys.load(f"{OFFLINE}/snapshot"),
        timestamp=keys.load(f"{OFFLINE}/timestamp"),
    )
    repository.offer(dict(targets), keys.load(f"{OFFLINE}/targets"))
    path = repository.release_file(into, signers)
    try:
        for description, _ in targets:
            check(path, repository.root(1), description.platform, now)
    except ReleaseError:
        path.unlink()
        raise
    return path


def refresh(keys: KeyFolder, repository: ReleaseRepository) -> None:
    """Sign snapshot and timestamp anew: needs the online keys only."""
    repository.refresh(
        Signers(snapshot=keys.load(f"{ONLINE}/snapshot"), timestamp=keys.load(f"{ONLINE}/timestamp"))
    )


def replace_keys(keys: KeyFolder, repository: ReleaseRepository, names: Sequence[str], now: datetime) -> None:
    """Make other keys in place of some, lost or not, and a root that says so; without names only renew the root.

    The old files are put aside with the date. Raises `KeyFileError` or `MakingError`, and then the repository has not changed.
    """
    signers = keys.roots()
    ids = keys.ids()
    gone = [ids[name] for name in names]
    for name in names:
        if keys.file(name).exists():
            keys.file(name).rename(keys.file(name).with_suffix(f".{now:%Y%m%dT%H%M%S}.old"))
    new: dict[str, list[CryptoSigner]] = {}
    for name in names:
        new.setdefault(ROLES[name], []).append(keys.make(name))
    repository.rotate(gone, new, [*signers, *new.get("root", ())])
    try:
        repository.check_roots()
    except MakingError:
        repository.withdraw_root()
        raise
    if f"{OFFLINE}/targets" in names:
        repository.sign_targets(keys.load(f"{OFFLINE}/targets"))


def check(path: Path, root: bytes, platform: Platform, now: datetime) -> Release:
    """Check a release file as a device does that knows only a root; raise `ReleaseError`."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        trusted = work / "root.json"
        trusted.write_bytes(root)
        (work / "opened").mkdir()
        open_bundle(path, work / "opened")
        release = verify(
            from_folder(work / "opened"),
            work / "store",
            root=trusted,
            now=now,
            platform=platform,
            installed=0,
            into=work,
            name=path.name,
        )
        if release.description.kind is Kind.SLOTS:
            (work / "target").mkdir()
            open_target(release, work / "target")
        return release


def read_target(path: Path) -> tuple[Description, Path]:
    """Read a target that was built on another machine; raise `MakingError`."""
    with tempfile.TemporaryDirectory() as folder, open(path, "rb") as file:
        unpack(file, Path(folder), path.name, LIMITS)
        description = read_description(Path(folder))
    if description is None:
        raise MakingError(f"{path} is no target of a release")
    return description, path


def summary(descriptions: Mapping[Description, int]) -> str:
    """Say what a release holds."""
    return ", ".join(f"{one.platform} ({size / 1e6:.1f} MB)" for one, size in descriptions.items())
