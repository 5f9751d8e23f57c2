"""The folder with releases for masters; what stands in it was checked as a master checks it.

::

    firmware/release-root.json    the first root: whose releases are taken in
             trust/               what was checked here before, so that nothing older is taken in
             0042/held.json       what is known of a release; metadata/ and targets/ are its files, as they were signed

Several processes may use it; a release appears and disappears at once.
"""

import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mbusheadend.firmware.releases import MOST_GROUPS, FirmwareError, Held
from mbusio.files import EVERYBODY_READS, sync_file, sync_folder, write_atomically
from mbusreleases.description import number_in
from mbusreleases.errors import DAMAGED_ROOT, NO_ROOT, WRONG_FILE_NAME, WRONG_SIGNATURE, ReleaseError
from mbusreleases.sources import from_folder
from mbusreleases.verify import METADATA, TARGETS, open_bundle, verify_whole
from mbusweb.texts import Text, mark

FOLDER: Final = "firmware"
"""In the state folder."""
PACKAGE_ROOT: Final = Path("/usr/share/mbusmaster/release-root.json")
"""Where the package of the gateway is installed on this machine too."""
MOST: Final = 20
"""Releases that are kept."""
ROOT_FILE: Final = "release-root.json"
_TRUST: Final = "trust"
HELD_FILE: Final = "held.json"
_WORK: Final = ".taking-"
_MAX_SMALL: Final = 256 * 1024
_FOLDER: Final = re.compile(r"[0-9]{4,6}")
_METADATA: Final = re.compile(r"(timestamp|[1-9][0-9]{0,9}\.(root|snapshot|targets))\.json")
_TARGET: Final = re.compile(r"[0-9a-f]{64}\.[0-9A-Za-z][0-9A-Za-z._-]{0,80}")

NO_ROOT_HERE: Final = mark(
    "It is not known whose releases to take: name the first root of those who make them once "
    "(mbusheadend firmware add --root 1.root.json FILE)."
)
BAD_ROOT: Final = mark("%(path)s is no root of signatures.")
OTHER_ROOT: Final = mark(
    "Releases are checked with another root here, %(path)s: to trust this one instead, remove that folder."
)
NOT_TRUSTED: Final = mark(
    "The release is not signed with the keys that are trusted here (%(file)s). Take releases only from where they are "
    "published."
)
HELD_ALREADY: Final = mark("Release %(release)s is here already.")
NEWER_IS_HERE: Final = mark("Release %(release)s is older than release %(newest)s, which is here.")
NOT_HELD: Final = mark("There is no release %(release)s here.")
TOO_MANY: Final = mark("%(most)s releases are here already: remove one that no master needs.")
TOO_MANY_GROUPS: Final = mark("A release is offered to %(most)s groups at the most.")
CANNOT: Final = mark("The folder %(folder)s cannot be used: %(why)s.")

_log = logging.getLogger(__name__)


class Shelf:
    """The releases in a state folder. Every call blocks: for a thread.

    :ivar folder: need not be there.
    :param package_root: a root that is taken where none was named.
    """

    def __init__(self, state: Path, package_root: Path = PACKAGE_ROOT) -> None:
        self.folder = state / FOLDER
        self._package_root = package_root

    @property
    def has_root(self) -> bool:
        """Whether it is known whose releases to take."""
        return (self.folder / ROOT_FILE).is_file() or self._package_root.is_file()

    def releases(self) -> tuple[Held, ...]:
        """Give all, the newest first."""
        try:
            names = sorted(os.listdir(self.folder), reverse=True)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._cannot(error) from error
        found = [self._held(name) for name in names if _FOLDER.fullmatch(name)]
        return tuple(
            sorted((one for one in found if one is not None), key=lambda one: one.number, reverse=True)
        )

    def add(
        self,
        file: Path,
        now: datetime,
        *,
        root: Path | None = None,
        groups: Iterable[str] | None = None,
        name: str | None = None,
    ) -> Held:
        """Check a release file and take it in. Raise `FirmwareError`.

        :param root: the first root of those who make releases; needed once.
        :param groups: of masters that are offered it; None for all.
        :param name: of the file, where it has another one here.
        """
        name = name or file.name
        number = number_in(name)
        if number is None:
            raise FirmwareError(Text(WRONG_FILE_NAME, {"file": name[:80]}))
        chosen = _chosen(groups)
        with self._alone():
            self._check_number(number)
            trusted = self._root(root)
            with tempfile.TemporaryDirectory(prefix=_WORK, dir=self.folder) as work:
                return self._take_in(file, name, Path(work), trusted, now, chosen)

    def offer(self, number: int, groups: Iterable[str] | None) -> Held:
        """Offer a release to groups of masters, or with None to all. Raise `FirmwareError`."""
        chosen = _chosen(groups)
        with self._alone():
            held = self._there(number).model_copy(update={"groups": chosen})
            write_atomically(self._place(number) / HELD_FILE, _written(held), EVERYBODY_READS)
            return held

    def remove(self, number: int) -> None:
        """Forget a release; masters that run it go on. Raise `FirmwareError`."""
        with self._alone():
            self._there(number)
            gone = Path(tempfile.mkdtemp(prefix=_WORK, dir=self.folder))
            os.rename(self._place(number), gone / "release")
            sync_folder(self.folder)
            shutil.rmtree(gone, ignore_errors=True)

    def file(self, first: Held | None, kind: str, name: str) -> Path | None:
        """Give a file that masters ask for; None where there is none.

        :param first: the release that the master is offered. Only its timestamp is the master's; all else may be of another one,
            as of the one that was offered when the master began to fetch.
        """
        if not _is_name(kind, name):
            return None
        places = [] if first is None else [self._place(first.number)]
        if name != "timestamp.json":
            places += [self._place(one.number) for one in self.releases()]
        return next((path for place in places if (path := place / kind / name).is_file()), None)

    def _take_in(
        self,
        file: Path,
        name: str,
        work: Path,
        root: bytes,
        now: datetime,
        groups: frozenset[str] | None,
    ) -> Held:
        opened, checking, trusted = work / "release", work / "checking", work / ROOT_FILE
        opened.mkdir()
        checking.mkdir()
        trusted.write_bytes(root)
        trust = self.folder / _TRUST
        try:
            open_bundle(file, opened, name)
            descriptions, expires = verify_whole(
                from_folder(opened), trust, root=trusted, now=now, work=checking, name=name
            )
        except ReleaseError as error:
            raise _said(error) from error
        files = [path for path in opened.rglob("*") if path.is_file()]
        held = Held(
            number=descriptions[0].release,
            version=descriptions[0].version,
            made=descriptions[0].date,
            added=now,
            expires=expires,
            platforms=tuple(sorted(str(one.platform) for one in descriptions)),
            size=sum(path.stat().st_size for path in files),
            groups=groups,
        )
        (opened / HELD_FILE).write_bytes(_written(held))
        for path in (*files, opened / HELD_FILE):
            sync_file(path)
        opened.chmod(0o755)
        os.rename(opened, self._place(held.number))
        write_atomically(self.folder / ROOT_FILE, root, EVERYBODY_READS)
        sync_folder(self.folder)
        return held

    def _check_number(self, number: int) -> None:
        held = self.releases()
        if any(one.number == number for one in held):
            raise FirmwareError(Text(HELD_ALREADY, {"release": f"{number:04d}"}))
        if held and held[0].number > number:
            values: dict[str, str | int] = {"release": f"{number:04d}", "newest": held[0].shown}
            raise FirmwareError(Text(NEWER_IS_HERE, values))
        if len(held) >= MOST:
            raise FirmwareError(Text(TOO_MANY, {"most": MOST}))

    def _root(self, named: Path | None) -> bytes:
        kept = _content(self.folder / ROOT_FILE)
        given = None if named is None else _content(named)
        if named is not None and given is None:
            raise FirmwareError(Text(BAD_ROOT, {"path": str(named)}))
        if kept is not None and given is not None and kept != given:
            raise FirmwareError(Text(OTHER_ROOT, {"path": str(self.folder)}))
        root = kept or given or _content(self._package_root)
        if root is None:
            raise FirmwareError(Text(NO_ROOT_HERE))
        return root

    def _there(self, number: int) -> Held:
        held = self._held(self._place(number).name)
        if held is None:
            raise FirmwareError(Text(NOT_HELD, {"release": f"{number:04d}"}))
        return held

    def _held(self, name: str) -> Held | None:
        content = _content(self.folder / name / HELD_FILE)
        if content is None:
            return None
        try:
            return Held.model_validate_json(content)
        except ValidationError:
            _log.error(
                "%s is damaged: remove its folder, and add the release again", self.folder / name / HELD_FILE
            )
            return None

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:04d}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from changing anything, and clear away what one left that was broken off."""
        try:
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            opened = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX)
                for left in self.folder.glob(f"{_WORK}*"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
            finally:
                os.close(opened)
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> FirmwareError:
        return FirmwareError(Text(CANNOT, {"folder": str(self.folder), "why": error.strerror or str(error)}))


def is_file_of_release(path: str) -> bool:
    """Tell whether a path is one of a file in the folder of a release."""
    kind, _, name = path.partition("/")
    return path == HELD_FILE or _is_name(kind, name)


def _is_name(kind: str, name: str) -> bool:
    pattern = {METADATA: _METADATA, TARGETS: _TARGET}.get(kind)
    return pattern is not None and pattern.fullmatch(name) is not None


def _chosen(groups: Iterable[str] | None) -> frozenset[str] | None:
    chosen = None if groups is None else frozenset(groups)
    if chosen is not None and len(chosen) > MOST_GROUPS:
        raise FirmwareError(Text(TOO_MANY_GROUPS, {"most": MOST_GROUPS}))
    return chosen or None


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SMALL)
    except OSError:
        return None


def _written(held: Held) -> bytes:
    return held.model_dump_json(indent=1).encode()


def _said(error: ReleaseError) -> FirmwareError:
    """Say it in words for a head-end: those of the error are for a master."""
    if error.template in (NO_ROOT, DAMAGED_ROOT):
        return FirmwareError(Text(BAD_ROOT, error.values))
    template = NOT_TRUSTED if error.template == WRONG_SIGNATURE else error.template
    return FirmwareError(Text(template, error.values))
