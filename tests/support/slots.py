"""A machine with slots for releases, in a folder of a test."""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mbusmaster.helper.slots.begin import begin
from mbusmaster.helper.slots.install import Hook, Installer, Run
from mbusmaster.helper.slots.layout import Places
from mbusmaster.helper.slots.state import State
from mbusreleases.description import DESCRIPTION
from support.releases import NOW

SYSTEM_PYTHON = Path(sys.base_prefix) / "bin" / "python3"


def quick_run(command: Sequence[str], work: Path) -> None:
    """Do what venv and pip do with wheels of tests, in milliseconds."""
    if "venv" in command:
        venv.create(command[-1], symlinks=True, with_pip=False)
    elif "install" in command:
        (packages,) = Path(command[0]).parents[1].glob("lib/python*/site-packages")
        for name in command:
            if name.endswith(".whl"):
                zipfile.ZipFile(name).extractall(packages)


class Machine:
    """Has a package, which runs at first, and slots.

    :param root: file with the first root of signatures.
    :param run: how programs are run; None for the real ones.
    """

    def __init__(self, folder: Path, root: Path, *, package: int = 1, run: Run | None = quick_run) -> None:
        self.places = Places(
            root=folder / "slots",
            package=folder / "package",
            about_package=folder / "share",
            trust=root,
            spool=folder / "spool",
            python=SYSTEM_PYTHON,
        )
        self.run = run
        self.told: list[tuple[str, int, int]] = []
        for made in (self.places.root, self.places.about_package, self.places.spool):
            made.mkdir(parents=True, exist_ok=True)
        if not self.places.package.exists():
            self._make_package()
        self.set_package(package)

    def set_package(self, release: int) -> None:
        """Let the package be of a release, as if another one had been installed."""
        text = f'{{"release": {release}, "version": "0.1.{release}", "date": "2026-11-01T00:00:00Z"}}\n'
        (self.places.about_package / DESCRIPTION).write_text(text)

    def install(
        self, path: Path, *, from_server: bool = False, now: datetime = NOW, done: Hook | None = None
    ) -> str:
        """Install a release file; give the slot."""
        waiting = self.places.spool / path.name
        waiting.unlink(missing_ok=True)
        os.link(path, waiting)
        installer = Installer(self.places, now=lambda: now, run=self.run, done=done or (lambda step: None))
        tell = lambda *facts: self.told.append(facts)  # noqa: E731
        return installer.install(path.name, from_server=from_server, tell=tell)[1]

    def start(self) -> State:
        """Do what the system does before the gateway starts."""
        return begin(self.places)

    def runs(self) -> str:
        """Start what is current, as the unit does; give what it prints, or how it failed."""
        python = self.places.root / "current" / "bin" / "python"
        ended = subprocess.run(
            [python, "-I", "-B", "-m", "mbusmaster"], capture_output=True, text=True, check=False, timeout=60
        )
        return ended.stdout.strip() or ended.stderr.strip()

    def _make_package(self) -> None:
        venv.create(self.places.package, symlinks=True, with_pip=False)
        (packages,) = self.places.package.glob("lib/python*/site-packages")
        (packages / "mbusmaster").mkdir()
        (packages / "mbusmaster" / "__init__.py").touch()
        (packages / "mbusmaster" / "__main__.py").write_text("print('package')\n")
