"""The metadata of releases: made, signed and kept as files.

A repository is a folder with ``metadata/`` and ``targets/`` that any web server can serve as it is. Who holds what:

==========  ======  =========  ==========================================================================================
role        valid   signed by  says
==========  ======  =========  ==========================================================================================
root        10 y    2 of 3     whose keys count; each new one is signed by the keys of the one before as well
targets     3 y     1          which releases there are, with their hashes
snapshot    2 y     1          which targets metadata is the newest, in a release file
timestamp   2 y     1          which snapshot is, in a release file
snapshot    30 d    1, online  the same at the update server
timestamp   14 d    1, online  the same at the update server
==========  ======  =========  ==========================================================================================

Release files and the server have snapshot and timestamp keys of their own, so that the offline machine needs nothing of the
server and the server nothing of the offline machine; the root names both, and either counts.
"""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from mbusreleases.archive import pack
from mbusreleases.description import Description, description_from, file_name
from mbusreleases.errors import MakingError
from mbusreleases.keys import ROOT_THRESHOLD
from mbusreleases.verify import METADATA, TARGETS

ROOT_VALID: Final = timedelta(days=3653)
TARGETS_VALID: Final = timedelta(days=1096)
FILE_VALID: Final = timedelta(days=731)
SNAPSHOT_VALID: Final = timedelta(days=30)
TIMESTAMP_VALID: Final = timedelta(days=14)
_JSON: Final = JSONSerializer(compact=True)


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that sign, each role's own.

    :ivar root: at least two of the three.
    """

    root: Sequence[CryptoSigner] = ()
    targets: CryptoSigner | None = None
    snapshot: CryptoSigner | None = None
    timestamp: CryptoSigner | None = None


class ReleaseRepository:
    """The files of a repository.

    :param folder: with ``metadata/`` and ``targets/``.
    :param now: aware moment, from which validity runs.
    """

    def __init__(self, folder: Path, now: datetime) -> None:
        self._metadata = folder / METADATA
        self._targets = folder / TARGETS
        self._now = now.astimezone(UTC).replace(microsecond=0)

    def begin(self, keys: Mapping[str, Sequence[CryptoSigner]], signers: Signers) -> None:
        """Make the first root and targets that hold nothing; raise `MakingError` where there is a repository.

        :param keys: of each role, all that count.
        """
        if self._roots():
            raise MakingError(f"there is a repository at {self._metadata} already")
        self._metadata.mkdir(parents=True, exist_ok=True)
        self._targets.mkdir(exist_ok=True)
        root = Root(expires=self._now + ROOT_VALID, consistent_snapshot=True)
        for role, members in keys.items():
            for member in members:
                root.add_key(member.public_key, role)
        root.roles["root"].threshold = ROOT_THRESHOLD
        self._save(Metadata(root), signers.root)
        self._save(Metadata(Targets(expires=self._now + TARGETS_VALID)), [_there(signers.targets, "targets")])

    def rotate(
        self,
        gone: Collection[str],
        new: Mapping[str, Sequence[CryptoSigner]],
        signers: Sequence[CryptoSigner],
    ) -> None:
        """Make the next root; also to renew its validity, with nothing replaced.

        :param gone: ids of keys that count no more.
        :param new: keys that count from now on, by role.
        :param signers: root keys: two of the last root, and two of the new one where these differ.
        """
        metadata: Metadata[Root] = self._newest("root")
        root = metadata.signed
        for name, role in root.roles.items():
            for keyid in set(role.keyids) & set(gone):
                root.revoke_key(keyid, name)
        for name, members in new.items():
            for member in members:
                root.add_key(member.public_key, name)
        root.version += 1
        root.expires = self._now + ROOT_VALID
        self._save(metadata, signers)

    def check_roots(self) -> None:
        """Raise `MakingError` unless each root is signed by itself and by the one before, as devices want it."""
        before: Metadata[Root] | None = None
        for path in self._roots():
            metadata: Metadata[Root] = Metadata.from_file(str(path))
            for signer in (before or metadata, metadata):
                try:
                    signer.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
                except UnsignedMetadataError as error:
                    raise MakingError(f"{path.name} is not signed by enough root keys ({error})") from error
            before = metadata

    def withdraw_root(self) -> None:
        """Remove the newest root, which must not have been published."""
        self._roots()[-1].unlink()

    def sign_targets(self, signer: CryptoSigner) -> None:
        """Sign what is offered anew: longer validity, or a new key."""
        metadata: Metadata[Targets] = self._newest("targets")
        metadata.signed.version += 1
        metadata.signed.expires = self._now + TARGETS_VALID
        self._save(metadata, [signer])

    def offer(self, releases: Mapping[Description, Path], signer: CryptoSigner) -> None:
        """Offer one release for its platforms instead of all before; raise `MakingError`.

        :param releases: the targets of one number.
        """
        numbers = {description.release for description in releases}
        if len(numbers) != 1:
            raise MakingError("a repository offers one release: all targets have the same number")
        metadata: Metadata[Targets] = self._newest("targets")
        offered = [_description(target) for target in metadata.signed.targets.values()]
        if any(before.release > number for before in offered for number in numbers):
            raise MakingError(f"release {max(numbers)} is older than what is offered already")
        metadata.signed.targets = {
            description.target: self._add(description, path) for description, path in releases.items()
        }
        metadata.signed.version += 1
        metadata.signed.expires = self._now + TARGETS_VALID
        self._save(metadata, [signer])
        kept = {self._path(target).name for target in metadata.signed.targets.values()}
        for path in self._targets.iterdir():
            if path.name not in kept:
                path.unlink()

    def refresh(
        self,
        signers: Signers,
        snapshot_valid: timedelta = SNAPSHOT_VALID,
        timestamp_valid: timedelta = TIMESTAMP_VALID,
    ) -> None:
        """Sign snapshot and timestamp of the newest targets: what a server does every few days, with its online keys."""
        self._save_freshness(self._freshness("timestamp"), signers, snapshot_valid, timestamp_valid)

    def release_file(self, into: Path, signers: Signers, valid: timedelta = FILE_VALID) -> Path:
        """Write the release file of what is offered, with a snapshot and timestamp of long validity; give its path.

        Their versions are that of the targets, so that each file's are higher than those of all before.
        """
        targets: Metadata[Targets] = self._newest("targets")
        if not targets.signed.targets:
            raise MakingError("there is no release in the repository")
        version = targets.signed.version
        snapshot, timestamp = self._fresh(version, signers, valid, valid)
        members: list[tuple[str, Path | bytes]] = [
            (f"{METADATA}/{path.name}", path) for path in self._roots()
        ]
        members += [
            (f"{METADATA}/timestamp.json", timestamp),
            (f"{METADATA}/{version}.snapshot.json", snapshot),
            (f"{METADATA}/{version}.targets.json", self._file("targets", version)),
        ]
        paths = [self._path(target) for target in targets.signed.targets.values()]
        members += [(f"{TARGETS}/{path.name}", path) for path in paths]
        into.mkdir(parents=True, exist_ok=True)
        number = max(_description(target).release for target in targets.signed.targets.values())
        made = into / file_name(number)
        with open(made, "wb") as file:
            pack(file, members)
        return made

    def root(self, version: int | None = None) -> bytes:
        """Give a root, the newest by default: what packages carry."""
        path = self._roots()[-1] if version is None else self._file("root", version)
        return path.read_bytes()

    def _freshness(self, role: str) -> int:
        path = self._metadata / f"{role}.json"
        if not path.exists():
            return 0
        version: int = Metadata.from_file(str(path)).signed.version
        return version

    def _save_freshness(self, last: int, signers: Signers, snapshot: timedelta, timestamp: timedelta) -> None:
        """Write both, the timestamp last: it makes the others visible."""
        signed = self._fresh(last + 1, signers, snapshot, timestamp)
        _write(self._file("snapshot", last + 1), signed[0])
        _write(self._metadata / "timestamp.json", signed[1])
        for path in self._metadata.glob("*.snapshot.json"):
            if int(path.name.partition(".")[0]) < last:
                path.unlink()

    def _fresh(
        self, version: int, signers: Signers, snapshot_valid: timedelta, timestamp_valid: timedelta
    ) -> tuple[bytes, bytes]:
        targets: Metadata[Targets] = self._newest("targets")
        content = self._file("targets", targets.signed.version).read_bytes()
        snapshot = Snapshot(
            version=version,
            expires=self._now + snapshot_valid,
            meta={"targets.json": _meta(targets.signed.version, content)},
        )
        signed_snapshot = _signed(Metadata(snapshot), [_there(signers.snapshot, "snapshot")])
        timestamp = Timestamp(
            version=version,
            expires=self._now + timestamp_valid,
            snapshot_meta=_meta(version, signed_snapshot),
        )
        return signed_snapshot, _signed(Metadata(timestamp), [_there(signers.timestamp, "timestamp")])

    def _add(self, description: Description, path: Path) -> TargetFile:
        target: TargetFile = TargetFile.from_file(description.target, str(path), ["sha256"])
        target.unrecognized_fields["custom"] = description.to_json()
        _write(self._path(target), path.read_bytes())
        return target

    def _path(self, target: TargetFile) -> Path:
        return self._targets / f"{target.hashes['sha256']}.{target.path}"

    def _roots(self) -> list[Path]:
        return sorted(self._metadata.glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))

    def _file(self, role: str, version: int) -> Path:
        return self._metadata / f"{version}.{role}.json"

    def _newest(self, role: str) -> Metadata[Any]:
        versions = [int(path.name.partition(".")[0]) for path in self._metadata.glob(f"*.{role}.json")]
        if not versions:
            raise MakingError(f"there is no repository at {self._metadata}: make its keys first")
        return Metadata.from_file(str(self._file(role, max(versions))))

    def _save(self, metadata: Metadata[Any], signers: Sequence[CryptoSigner]) -> None:
        _write(self._file(metadata.signed.type, metadata.signed.version), _signed(metadata, signers))


def _signed(metadata: Metadata[Any], signers: Sequence[CryptoSigner]) -> bytes:
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(_JSON)


def _meta(version: int, content: bytes) -> MetaFile:
    return MetaFile(version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def _there(signer: CryptoSigner | None, role: str) -> CryptoSigner:
    if signer is None:
        raise MakingError(f"the key for {role} is needed")
    return signer


def _description(target: TargetFile) -> Description:
    return description_from(target.unrecognized_fields["custom"])


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once: a server may be serving it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    os.replace(temporary, path)
