"""The folders of releases, and what lies in them."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mbusio.files import sync_folder
from mbusreleases.description import DESCRIPTION, HIGHEST_NUMBER, Description, read_description

PACKAGE: Final = "package"
SLOTS: Final = ("a", "b")
CURRENT: Final = "current"
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_LARGEST: Final = 4096
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is.

    :ivar root: of the slots, of root alone.
    :ivar package: environment of the Debian package: what runs when no slot does.
    :ivar about_package: folder with the ``release.json`` of the package.
    :ivar trust: first root of signatures.
    :ivar spool: where the gateway puts release files.
    :ivar python: of the system; slots are made with it.
    """

    root: Path = Path("/var/lib/mbusmaster-slots")
    package: Path = Path("/usr/lib/mbusmaster")
    about_package: Path = Path("/usr/share/mbusmaster")
    trust: Path = Path("/usr/share/mbusmaster/release-root.json")
    spool: Path = Path("/var/lib/mbusmaster/spool")
    python: Path = Path("/usr/bin/python3")

    def slot(self, name: str) -> Path:
        """Give the folder of what can run: a slot or the package."""
        return self.package if name == PACKAGE else self.root / name

    def description(self, name: str) -> Description | None:
        """Give the release in a slot, None where there is none."""
        return None if name == PACKAGE else read_description(self.slot(name))

    def release(self, name: str) -> tuple[int, str]:
        """Give number and version of what lies in a slot or the package; 0 where it is no release."""
        if name == PACKAGE:
            return _package(self.about_package)
        description = self.description(name)
        return (description.release, description.version) if description else (0, "")

    def can_run(self, name: str) -> bool:
        """Tell whether a slot holds a whole release for the Python of this system; the package always does."""
        if name == PACKAGE:
            return True
        description = self.description(name)
        python = self.slot(name) / "bin" / "python"
        return description is not None and description.python == PYTHON and os.access(python, os.X_OK)

    def link(self, name: str) -> None:
        """Let ``current`` name a slot or the package, at one instant; do nothing where it does."""
        wanted = str(self.package) if name == PACKAGE else name
        link = self.root / CURRENT
        with contextlib.suppress(OSError):
            if os.readlink(link) == wanted:
                return
        new = self.root / f"{CURRENT}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(wanted)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)
        os.replace(new, link)
        sync_folder(self.root)


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the state alone, among the helper and `begin`, which are different processes."""
    handle = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _package(folder: Path) -> tuple[int, str]:
    try:
        with open(folder / DESCRIPTION, "rb") as file:
            content = json.loads(file.read(_LARGEST))
        number, version = content["release"], content["version"]
    except (OSError, ValueError, LookupError, TypeError):
        return 0, ""
    known = type(number) is int and 0 <= number <= HIGHEST_NUMBER
    return number if known else 0, str(version)[:40]
