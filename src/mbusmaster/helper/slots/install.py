"""From a release file to the other slot, in steps; after a power cut at any of them what ran before runs again.

Nothing that runs is touched: the other slot is made under another name, brought to the disk, gets its name, and then the state is
replaced. From that moment the new release counts as installed; `begin` makes ``current`` from the state at the next start.
"""

import contextlib
import json
import logging
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusio.files import sync_folder
from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.slots.layout import PACKAGE, SLOTS, Places, locked
from mbusmaster.helper.slots.state import State, Trial, load, save
from mbusreleases.archive import MB, check_room
from mbusreleases.description import DESCRIPTION, Description, number_in
from mbusreleases.errors import WRONG_FILE_NAME, ReleaseError
from mbusweb.texts import mark

ON_TRIAL: Final = mark(
    "Release %(release)s was installed and has not proved well yet: restart, wait until it has, then try again."
)
NO_FILE: Final = mark("There is no file %(file)s to install, or it is not a plain file.")
NOT_INSTALLED: Final = mark(
    "Release %(release)s could not be installed (%(reason)s). What ran before goes on. See the log."
)
NO_DISK: Final = mark("The release could not be written (%(reason)s). What ran before goes on.")
ROOM: Final = 256 * MB
"""Free on the disk before a slot is made: the wheels, and unpacked and compiled what is in them."""
INSTALL_SECONDS: Final = 900.0
"""For one program of an installation; the guide (3.1.7) says that all takes ten minutes."""
_PIP: Final = (
    *("-I", "-m", "pip", "--isolated", "--quiet"),
    *("--disable-pip-version-check", "--no-input", "--no-cache-dir"),
)
_AS_ROOT: Final = "--root-user-action=ignore"

_log = logging.getLogger(__name__)

Tell = Callable[[str, int, int], None]
"""Takes the step (checking, unpacking, installing), percent of all, and the number of the release or 0."""
Run = Callable[[Sequence[str], Path], None]
"""Runs a program in a folder that it may write."""
Hook = Callable[[str], None]
"""Called with the name of each step when it is done: a test lets the power fail there."""


class Installer:
    """Installs releases, one at a time.

    :param now: gives the moment by which signatures expire.
    :param run: runs a program; raises `subprocess.SubprocessError` or `OSError`.
    """

    def __init__(
        self,
        places: Places,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        run: Run | None = None,
        done: Hook = lambda step: None,
    ) -> None:
        self._places = places
        self._run_program = run or _run
        self._now = now
        self._done = done
        self._work = places.root / "work"

    def install(self, file: str, *, from_server: bool, tell: Tell) -> tuple[Description, str]:
        """Check a file of the spool and install it into the other slot; give what it is, and the slot.

        Raises `RefusedError`; then what ran before still does, and will after a restart.

        :param from_server: the gateway got it from an update server; see `mbusreleases.verify`.
        """
        state = load(self._places.root)
        if state.trial is not None:
            raise RefusedError(ON_TRIAL, {"release": self._places.release(state.current)[0]})
        slot = SLOTS[1] if state.current == SLOTS[0] else SLOTS[0]
        try:
            self._clear()
            wheels, description = self._unpacked(file, state, from_server, tell)
            self._build(slot, wheels, description, tell)
            self._switch(slot)
        except ReleaseError as error:
            raise RefusedError(error.template, error.values) from error
        except OSError as error:
            raise RefusedError(NO_DISK, {"reason": error.strerror or str(error)}) from error
        finally:
            for folder in (self._work, self._new(slot)):
                shutil.rmtree(folder, ignore_errors=True)
        self._done("cleaned")
        return description, slot

    def _clear(self) -> None:
        """Remove what installations left that broke off."""
        for folder in (self._work, *(part(slot) for slot in SLOTS for part in (self._new, self._old))):
            if folder.exists():
                shutil.rmtree(folder)
        self._work.mkdir(mode=0o700)
        self._done("cleared")

    def _unpacked(self, file: str, state: State, from_server: bool, tell: Tell) -> tuple[Path, Description]:
        """Give the folder of wheels of a release that may be installed."""
        # tuf takes 25 MB: the helper has them only when it has checked a release.
        from mbusmaster.helper.slots.checking import verified
        from mbusreleases.verify import open_target

        tell("checking", 0, 0)
        installed = max(self._places.release(name)[0] for name in (state.current, PACKAGE))
        with opened(self._places.spool, file) as handle:
            release = verified(
                handle,
                file,
                self._work,
                self._places,
                installed=installed,
                now=self._now(),
                from_server=from_server,
            )
        self._done("verified")
        tell("unpacking", 20, release.number)
        into = self._work / "release"
        into.mkdir()
        wheels = open_target(release, into)
        release.path.unlink()
        self._done("unpacked")
        return wheels, release.description

    def _build(self, slot: str, wheels: Path, description: Description, tell: Tell) -> None:
        """Make the slot under another name, whole and on the disk."""
        check_room(self._places.root, ROOM)
        new = self._new(slot)
        tell("installing", 30, description.release)
        self._run(description, str(self._places.python), "-I", "-m", "venv", "--prompt", slot, str(new))
        self._done("environment made")
        tell("installing", 40, description.release)
        python = str(new / "bin" / "python")
        found = sorted(map(str, wheels.glob("*.whl")))
        options = ("--no-index", "--no-deps", "--no-compile", _AS_ROOT)
        self._run(description, python, *_PIP, "install", *options, *found)
        self._done("wheels installed")
        tell("installing", 70, description.release)
        self._run(description, python, *_PIP, "uninstall", "--yes", _AS_ROOT, "pip", "setuptools")
        moved = ("-s", str(new), "-p", str(self._places.slot(slot)))
        self._run(description, python, "-I", "-m", "compileall", "-q", *moved, str(new / "lib"))
        _move_scripts(new, self._places.slot(slot))
        (new / DESCRIPTION).write_text(json.dumps(description.to_json()), "ascii")
        self._done("compiled")
        tell("installing", 90, description.release)
        os.sync()
        self._done("on the disk")

    def _switch(self, slot: str) -> None:
        """Give the slot its name, and let it be what should run."""
        folder, old = self._places.slot(slot), self._old(slot)
        with locked(self._places.root):
            state = load(self._places.root)
            if folder.exists():
                os.rename(folder, old)
                self._done("old slot away")
            os.rename(self._new(slot), folder)
            sync_folder(self._places.root)
            self._done("slot named")
            save(self._places.root, State(slot, Trial(state.current), state.last))
            self._done("state saved")
        shutil.rmtree(old, ignore_errors=True)

    def _run(self, description: Description, *command: str) -> None:
        try:
            self._run_program(command, self._work)
        except (subprocess.SubprocessError, OSError) as error:
            _log.error("%s: %s", error, getattr(error, "stderr", "") or "")
            said = str(getattr(error, "stderr", "") or error).strip().splitlines()
            reason = (said[-1] if said else type(error).__name__)[:200]
            raise RefusedError(NOT_INSTALLED, {"release": description.release, "reason": reason}) from error

    def _new(self, slot: str) -> Path:
        return self._places.root / f"{slot}.new"

    def _old(self, slot: str) -> Path:
        return self._places.root / f"{slot}.old"


def _run(command: Sequence[str], work: Path) -> None:
    """Run a program of the system or of the new slot, with nothing of this one's environment."""
    subprocess.run(  # noqa: S603 - names no file of the gateway's user, only of folders of root
        command,
        check=True,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=INSTALL_SECONDS,
        cwd=work,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(work), "LC_ALL": "C.UTF-8", "HOME": str(work)},
    )


@contextlib.contextmanager
def opened(spool: Path, file: str) -> Iterator[int]:
    """Open a plain file of the gateway's folder, once, and follow no link that it could have made."""
    if number_in(file) is None:
        raise ReleaseError(WRONG_FILE_NAME, {"file": ascii(file[:80])})
    try:
        folder = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise RefusedError(NO_FILE, {"file": file}) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise RefusedError(NO_FILE, {"file": file})
        yield handle
    finally:
        os.close(handle)


def _move_scripts(made: Path, final: Path) -> None:
    """Let the scripts of an environment name the Python at the place where they will be."""
    for path in (made / "bin").iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        moved = content.replace(os.fsencode(made), os.fsencode(final))
        if moved != content:
            path.write_bytes(moved)
