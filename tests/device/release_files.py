"""Releases of this checkout, signed with keys of the test's own: a good one, and one that crashes when it starts."""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from device.product import PROJECT
from mbusreleases.description import Description
from mbusreleases.wheels import build_target, pack_target

PYTHON: Final = Path("/usr/bin/python3")
_STARTS_AT: Final = "mbusmaster/app.py"
_CRASH: Final = b'raise RuntimeError("this release crashes when it starts")\n'


class ReleaseMaker:
    """Makes releases.

    :param folder: for keys and files; it must be empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._command("keys")

    @property
    def root(self) -> Path:
        """First root of signatures, for the package."""
        return self._folder / "repository/metadata/1.root.json"

    def good(self, number: int) -> Path:
        """Make a release of this checkout; give its file."""
        return self._release(number, self._wheels)

    def crashing(self, number: int) -> Path:
        """Make one that is as well signed and installs as well, and does not come up."""
        own = next(wheel for wheel in self._wheels if wheel.name.startswith("mbusmaster-"))
        folder = self._folder / "crashing"
        folder.mkdir()
        broken = folder / own.name
        with zipfile.ZipFile(own) as source, zipfile.ZipFile(broken, "w", zipfile.ZIP_DEFLATED) as target:
            for member in source.infolist():
                content = source.read(member)
                target.writestr(member, _CRASH + content if member.filename == _STARTS_AT else content)
        return self._release(number, [broken, *(wheel for wheel in self._wheels if wheel != own)])

    @cached_property
    def _wheels(self) -> list[Path]:
        work = self._folder / "build"
        work.mkdir()
        build_target(PROJECT, 1, datetime.now(UTC), PYTHON, work)
        return sorted((work / "wheels").glob("*.whl"))

    def _release(self, number: int, wheels: list[Path]) -> Path:
        own = next(wheel for wheel in wheels if wheel.name.startswith("mbusmaster-"))
        described = Description(number, own.name.split("-")[1], datetime.now(UTC), "3.11", platform.machine())
        work = self._folder / f"target-{number}"
        work.mkdir()
        target = pack_target(replace(described, date=described.date.replace(microsecond=0)), wheels, work)
        self._command("release", "--number", str(number), "--target", str(target), "--out", str(work / "out"))
        (made,) = (work / "out").glob("*.tar")
        shutil.rmtree(target, ignore_errors=True)
        return made

    def _command(self, verb: str, *arguments: str) -> None:
        where = ["--keys", str(self._folder / "keys"), "--repository", str(self._folder / "repository")]
        environment = {**os.environ, "MBUSMASTER_RELEASE_PASSPHRASE": "a passphrase of the device test"}
        subprocess.run(
            [sys.executable, "-m", "mbusreleases", verb, *where, *arguments],
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
