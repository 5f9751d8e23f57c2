"""Whether a repository offers a release that this machine may install: the client of TUF, its errors in words for people.

What was trusted before is kept on disk, so that nobody can offer older metadata again. Files and the server have a store each:
the server signs its timestamp anew every few days, so a file that was made before would look older than what the server said
last, though its release is the newest. The roots, which say whose keys count, are one history for both: a key that a file revoked
is revoked for the server too.

Expiry is judged by the clock that the caller hands in. The clock of a master never runs below its time floor (the last known time
and the date of the installed release); so an expired release can be had past the check only with a clock that is set back on
purpose, and even then no older one.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from mbusio.files import sync_file, sync_folder
from mbusreleases.archive import MB, Limits, check_room, pack, unpack
from mbusreleases.description import (
    DESCRIPTION,
    Description,
    Kind,
    Platform,
    description_from,
    file_name,
    number_in,
    read_description,
)
from mbusreleases.errors import (
    ALTERED_FILE,
    ALTERED_METADATA,
    CONTRADICTION,
    DAMAGED_ROOT,
    EXPIRED,
    INCOMPLETE,
    NO_ANSWER,
    NO_RELEASE,
    NO_ROOT,
    OLDER_METADATA,
    OLDER_RELEASE,
    SAME_RELEASE,
    SERVER_LACKS,
    TOO_BIG,
    WRONG_FILE_NAME,
    WRONG_NAME,
    WRONG_PLATFORM,
    WRONG_ROOT,
    WRONG_SIGNATURE,
    ReleaseError,
)
from mbusreleases.sources import Source

METADATA: Final = "metadata"
TARGETS: Final = "targets"
LIMITS: Final = Limits()
_ROOTS: Final = "root_history"
_ROLES: Final = ("timestamp", "snapshot", "targets")
_LARGEST_ROOT: Final = 256 * 1024
_CONFIG: Final = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=1,
    root_max_length=_LARGEST_ROOT,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=64 * 1024,
    targets_max_length=MB,
)


@dataclass(frozen=True, slots=True)
class Offer:
    """The newest release of a repository, its description verified, not yet fetched.

    :ivar length: of the target in bytes.
    """

    description: Description
    length: int
    target: TargetFile

    @property
    def number(self) -> int:
        """Of the release."""
        return self.description.release


@dataclass(frozen=True, slots=True)
class Release:
    """A release that is what was signed.

    :ivar path: of the verified target.
    """

    description: Description
    path: Path

    @property
    def number(self) -> int:
        """Of the release."""
        return self.description.release

    @property
    def version(self) -> str:
        """Of the software."""
        return self.description.version


class Repository:
    """A source, checked against what this machine trusts; used for one visit.

    :param store: folder for what is trusted, of the caller alone; made if needed.
    :param root: file with the first root, as it came with the package.
    :param now: aware moment, by which expiry is judged.
    """

    def __init__(self, source: Source, store: Path, root: Path, now: datetime) -> None:
        self._source = source
        self._store = store / ("server" if source.is_server else "file")
        self._now = now.astimezone(UTC)
        self._fetcher = _Watched(source.fetcher)
        _share_roots(store, self._store)
        first = _read_root(root)
        try:
            self._updater = Updater(
                str(self._store),
                f"{source.url}{METADATA}/",
                fetcher=self._fetcher,
                config=_CONFIG,
                bootstrap=first,
            )
        except RepositoryError as error:
            raise ReleaseError(DAMAGED_ROOT, {"path": str(root)}) from error
        # tuf takes the moment from the system clock, at a place that it does not offer; a test holds it to this.
        self._updater._trusted_set.reference_time = self._now

    @property
    def expires(self) -> datetime:
        """When the first of the metadata expires that were just checked."""
        names = ("root", *_ROLES)
        signed = [Metadata.from_file(str(self._store / f"{name}.json")).signed for name in names]
        return min(one.expires for one in signed)

    def offers(self) -> list[Offer]:
        """Check the metadata and give what is offered, for whatever platforms; raise `ReleaseError`."""
        with self._explained():
            self._updater.refresh()
        _sync(self._store)
        offers = list(_offers(self._signed_targets()))
        if not offers:
            raise ReleaseError(NO_RELEASE)
        return offers

    def newest(self, platform: Platform) -> Offer:
        """Check the metadata and give the newest release for a platform; raise `ReleaseError`."""
        offers = self.offers()
        fitting = [offer for offer in offers if platform.runs(offer.description.platform)]
        if not fitting:
            newest = max(offers, key=lambda offer: offer.number)
            offered = str(newest.description.platform)
            raise ReleaseError(
                WRONG_PLATFORM, {"release": newest.number, "offered": offered, "here": str(platform)}
            )
        return max(fitting, key=lambda offer: offer.number)

    def fetch(self, offer: Offer, into: Path) -> Release:
        """Get the target of an offer into a folder and check it; raise `ReleaseError`."""
        name = offer.target.path
        digest = offer.target.hashes["sha256"]
        if offer.length > LIMITS.size:
            raise ReleaseError(TOO_BIG, {"file": name, "most": LIMITS.size // MB})
        check_room(into, offer.length, LIMITS.spare)
        path = into / name
        with self._explained(), open(path, "wb") as written:
            size = 0
            for chunk in self._fetcher.fetch(f"{self._source.url}{TARGETS}/{digest}.{name}"):
                size += len(chunk)
                if size > offer.length:
                    raise ReleaseError(ALTERED_FILE, {"file": name})
                written.write(chunk)
        with open(path, "rb") as file:
            try:
                offer.target.verify_length_and_hashes(file)
            except LengthOrHashMismatchError as error:
                raise ReleaseError(ALTERED_FILE, {"file": name}) from error
        return Release(offer.description, path)

    def bundle(self, release: Release, folder: Path) -> Path:
        """Put together a release file, named as such, of what was verified here; give its path."""
        path = folder / file_name(release.number)
        roots = sorted((self._store / _ROOTS).glob("*.root.json"))
        members: list[tuple[str, Path | bytes]] = [(f"{METADATA}/{root.name}", root) for root in roots]
        for role in _ROLES:
            content = (self._store / f"{role}.json").read_bytes()
            version = "" if role == "timestamp" else f"{json.loads(content)['signed']['version']}."
            members.append((f"{METADATA}/{version}{role}.json", content))
        digest = self._signed_targets()[release.path.name].hashes["sha256"]
        members.append((f"{TARGETS}/{digest}.{release.path.name}", release.path))
        with open(path, "wb") as file:
            pack(file, members)
        return path

    def _signed_targets(self) -> dict[str, TargetFile]:
        """Give the targets as they were just verified and kept."""
        targets: Metadata[Targets] = Metadata.from_file(str(self._store / "targets.json"))
        return targets.signed.targets

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in our words what tuf found, with the file that it was about."""
        asked = self._fetcher
        try:
            yield
        except UnsignedMetadataError as error:
            raise ReleaseError(self._wrong_signature(), {"file": asked.name}) from error
        except ExpiredMetadataError as error:
            raise ReleaseError(EXPIRED, self._expired()) from error
        except BadVersionNumberError as error:
            template = WRONG_ROOT if asked.name.endswith("root.json") else OLDER_METADATA
            raise ReleaseError(template, {"file": asked.name}) from error
        except (DownloadLengthMismatchError, RepositoryError) as error:
            raise ReleaseError(ALTERED_METADATA, {"file": asked.name}) from error
        except DownloadHTTPError as error:
            lacks = SERVER_LACKS if asked.is_online else INCOMPLETE
            raise ReleaseError(lacks, {"file": asked.name}) from error
        except DownloadError as error:
            raise ReleaseError(NO_ANSWER, {"reason": _reason(error)}) from error

    def _wrong_signature(self) -> str:
        """Tell altered metadata from that of strangers: who alters it keeps the names of the keys."""
        if self._fetcher.name.endswith("root.json"):
            return WRONG_ROOT
        try:
            trusted: Metadata[Root] = Metadata.from_file(str(self._store / "root.json"))
            found = json.loads(self._fetcher.content)
            keys = {keyid for role in trusted.signed.roles.values() for keyid in role.keyids}
            signed_by = {signature["keyid"] for signature in found["signatures"]}
        except (ValueError, LookupError, TypeError):
            return ALTERED_METADATA
        return ALTERED_METADATA if keys & signed_by else WRONG_SIGNATURE

    def _expired(self) -> dict[str, str | int]:
        """Find which metadata expired: the trusted root, what came last, or what was trusted before."""
        now = f"{self._now:%Y-%m-%d %H:%M} UTC"
        contents = [(self._store / "root.json").read_bytes(), self._fetcher.content]
        contents += [path.read_bytes() for role in _ROLES if (path := self._store / f"{role}.json").exists()]
        for content in contents:
            signed = Metadata.from_bytes(content).signed
            if signed.is_expired(self._now):
                return {"file": f"{signed.type}.json", "until": f"{signed.expires:%Y-%m-%d}", "now": now}
        return {"file": self._fetcher.name, "until": "?", "now": now}


def open_bundle(file: Path | int, into: Path, name: str | None = None) -> None:
    """Unpack a release file into a folder that is empty and of the caller alone; raise `ReleaseError`.

    :param file: path, or the descriptor of an opened file, which is closed.
    :param name: of the file, for messages; default that of the path.
    """
    shown = name or (Path(file).name if isinstance(file, Path) else "")
    with open(file, "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > LIMITS.size:
            raise ReleaseError(TOO_BIG, {"file": shown, "most": LIMITS.size // MB})
        check_room(into, size, LIMITS.spare)
        unpack(opened, into, shown, LIMITS)


def verify(
    source: Source,
    store: Path,
    *,
    root: Path,
    now: datetime,
    platform: Platform,
    installed: int,
    into: Path,
    name: str | None = None,
) -> Release:
    """Check a repository wholly and give its newest release, fetched; raise `ReleaseError`.

    :param store: of what is trusted; see `Repository`.
    :param installed: number of the release that is installed; only a higher one is given. 0 for none.
    :param into: folder for the release.
    :param name: of the release file: must hold the number of the release inside.
    """
    repository = Repository(source, store, root, now)
    offer = repository.newest(platform)
    if name is not None:
        _check_name(name, offer)
    if offer.number == installed:
        raise ReleaseError(SAME_RELEASE, {"release": offer.number})
    if offer.number < installed:
        raise ReleaseError(OLDER_RELEASE, {"release": offer.number, "installed": installed})
    return repository.fetch(offer, into)


def verify_whole(
    source: Source, store: Path, *, root: Path, now: datetime, work: Path, name: str
) -> tuple[list[Description], datetime]:
    """Check a release file for all its platforms, as each of them would; raise `ReleaseError`.

    :param work: an empty folder; what is in it afterwards is of no use.
    :param name: of the release file.

    Gives what it holds, and until when that is valid.
    """
    repository = Repository(source, store, root, now)
    offers = repository.offers()
    for offer in offers:
        _check_name(name, offer)
        release = repository.fetch(offer, work)
        if offer.description.kind is Kind.SLOTS:
            opened = work / "opened"
            opened.mkdir()
            open_target(release, opened)
            shutil.rmtree(opened)
        release.path.unlink()
    return [offer.description for offer in offers], repository.expires


def open_target(release: Release, into: Path) -> Path:
    """Unpack the target of a release for slots into an empty folder; give the folder of its wheels. Raise `ReleaseError`."""
    with open(release.path, "rb") as target:
        unpack(target, into, release.path.name, LIMITS)
    if read_description(into) != release.description:
        raise ReleaseError(CONTRADICTION, {"release": release.number, "what": DESCRIPTION})
    return into / "wheels"


def _check_name(name: str, offer: Offer) -> None:
    number = number_in(name)
    if number is None:
        raise ReleaseError(WRONG_FILE_NAME, {"file": name})
    if number != offer.number:
        raise ReleaseError(WRONG_NAME, {"file": name, "release": offer.number})


def _offers(targets: dict[str, TargetFile]) -> Iterator[Offer]:
    for name, target in targets.items():
        try:
            description = description_from(target.unrecognized_fields["custom"])
        except (ValueError, LookupError) as error:
            raise ReleaseError(CONTRADICTION, {"release": name[:80], "what": str(error)}) from error
        if name != description.target or set(target.hashes) != {"sha256"}:
            raise ReleaseError(CONTRADICTION, {"release": description.release, "what": name[:80]})
        yield Offer(description, target.length, target)


class _Watched(FetcherInterface):
    """Hands on to another fetcher, and remembers what was asked for last and what came.

    :ivar name: of the last file.
    :ivar content: of it, if it was metadata.
    """

    def __init__(self, inner: FetcherInterface) -> None:
        self._inner = inner
        self.name = ""
        self.content = b""
        self.is_online = False

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.name = url.rpartition("/")[2]
        self.is_online = url.startswith("http")
        return _as_download_errors(self._inner.fetch(url))

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Give metadata; unlike tuf's own, without a file in the folder for temporary ones."""
        self.content = b""
        parts = []
        left = max_length
        for chunk in self.fetch(url):
            left -= len(chunk)
            if left < 0:
                raise DownloadLengthMismatchError(f"{url} is longer than {max_length} bytes")
            parts.append(chunk)
        self.content = b"".join(parts)
        return self.content


def _as_download_errors(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except OSError as error:
        raise DownloadError(error.strerror or str(error)) from error


def _reason(error: BaseException) -> str:
    """Give the innermost cause in few words."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error) or type(error).__name__)[:200]


def _read_root(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST_ROOT)
    except OSError as error:
        raise ReleaseError(NO_ROOT, {"path": str(path)}) from error


def _share_roots(store: Path, part: Path) -> None:
    """Give both parts of a store one history of roots."""
    for folder in (store, store / _ROOTS, part):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    link = part / _ROOTS
    if not link.is_symlink():
        link.symlink_to(f"../{_ROOTS}")


def _sync(folder: Path) -> None:
    """Bring what is newly trusted to the disk, so that a power cut does not make this machine forget it."""
    for path in [*folder.iterdir(), *(folder / _ROOTS).iterdir()]:
        sync_file(path)
    sync_folder(folder)
    sync_folder(folder / _ROOTS)
