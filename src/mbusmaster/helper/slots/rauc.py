"""Devices whose whole system is an image: the signed release holds a bundle of RAUC, which does the rest (rauc.readthedocs.io).

RAUC checks its own signature besides ours, writes the other system and counts its starts in the boot loader. The number of the
running release is that of the package in the image; what was installed and in which run of the machine is kept, so that it can be
said whether the new one came up.
"""

import logging
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.slots.install import INSTALL_SECONDS, NO_DISK, NOT_INSTALLED, Run, Tell, opened
from mbusmaster.helper.slots.layout import PACKAGE, Places, locked
from mbusmaster.helper.slots.state import INSTALLED, ROLLED_BACK, Last, State, load, save
from mbusreleases.description import Description, Kind
from mbusreleases.errors import ReleaseError
from mbusweb.texts import mark

SYSTEM: Final = Path("/etc/rauc/system.conf")
"""Is there where RAUC looks after the system."""
CAME_BACK: Final = mark(
    "The system with release %(release)s did not come up, or was left by the boot loader: the one before runs."
)
NOT_RESTARTED: Final = mark("Release %(release)s is installed already and waits for the restart.")
NOT_KEPT: Final = mark(
    "The boot loader could not be told that this system is well (%(reason)s). See the log."
)
_LAST_ERROR: Final = "LastError:"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_log = logging.getLogger(__name__)


class Images:
    """Hands releases over to RAUC.

    :param now: gives the moment by which signatures expire.
    :param run: runs a program; raises `subprocess.SubprocessError` or `OSError`.
    :param boot: file that says in which run the machine is.
    """

    def __init__(
        self,
        places: Places,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        run: Run | None = None,
        boot: Path = _BOOT,
    ) -> None:
        self._places = places
        self._now = now
        self._run = run or _run
        self._boot = boot
        self._work = places.root / "work"

    def install(self, file: str, *, from_server: bool, tell: Tell) -> Description:
        """Check a file of the spool and let RAUC install what is in it; raise `RefusedError`."""
        from mbusmaster.helper.slots.checking import verified

        last = load(self._places.root).last
        if last is not None and last.values.get("boot") == self._boot_id():
            raise RefusedError(NOT_RESTARTED, {"release": last.release})
        tell("checking", 0, 0)
        installed = self._places.release(PACKAGE)[0]
        shutil.rmtree(self._work, ignore_errors=True)
        try:
            self._work.mkdir(mode=0o700)
            with opened(self._places.spool, file) as handle:
                release = verified(
                    handle,
                    file,
                    self._work,
                    self._places,
                    installed=installed,
                    now=self._now(),
                    from_server=from_server,
                    kind=Kind.RAUC,
                )
            tell("installing", 20, release.number)
            self._do(NOT_INSTALLED, {"release": release.number}, "install", str(release.path))
            with locked(self._places.root):
                save(
                    self._places.root,
                    State(last=Last(release.number, INSTALLED, "", {"boot": self._boot_id()})),
                )
        except ReleaseError as error:
            raise RefusedError(error.template, error.values) from error
        except OSError as error:
            raise RefusedError(NO_DISK, {"reason": error.strerror or str(error)}) from error
        finally:
            shutil.rmtree(self._work, ignore_errors=True)
        return release.description

    def state(self) -> State:
        """Give what became of the last installation; the first time after a restart, find out."""
        with locked(self._places.root):
            state = load(self._places.root)
            last = state.last
            if last is None or last.values.get("boot") in (None, self._boot_id()):
                return state
            if last.release == self._places.release(PACKAGE)[0]:
                return state
            state = replace(state, last=Last(last.release, ROLLED_BACK, CAME_BACK, {"release": last.release}))
            save(self._places.root, state)
            return state

    def is_on_trial(self, state: State) -> bool:
        """Tell whether the system that runs has not said yet that it is well."""
        last = state.last
        return last is not None and last.values.get("boot") not in (None, self._boot_id())

    def confirm(self) -> None:
        """Tell the boot loader that this system is well; raise `RefusedError`."""
        self._do(NOT_KEPT, {}, "status", "mark-good")
        with locked(self._places.root):
            state = load(self._places.root)
            if self.is_on_trial(state) and state.last is not None:
                save(self._places.root, replace(state, last=replace(state.last, values={})))

    def restart(self) -> None:
        """Restart the machine, so that the new system runs."""
        self._run(("systemctl", "--no-block", "reboot"), self._places.root)

    def _do(self, template: str, values: dict[str, str | int], *arguments: str) -> None:
        try:
            self._run(("rauc", *arguments), self._work if self._work.exists() else self._places.root)
        except (subprocess.SubprocessError, OSError) as error:
            said = "\n".join(str(getattr(error, stream, None) or "") for stream in ("stdout", "stderr"))
            _log.error("%s: %s", error, said)
            raise RefusedError(template, {**values, "reason": _reason(said) or str(error)[:200]}) from error

    def _boot_id(self) -> str:
        return self._boot.read_text("ascii").strip()


def _reason(said: str) -> str:
    """Find what RAUC gives as the reason, else the last it said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line.removeprefix(_LAST_ERROR).strip() for line in lines if line.startswith(_LAST_ERROR)]
    return (reasons or lines or [""])[-1][:200]


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(  # noqa: S603 - rauc and systemctl, with a file in a folder of root
        command,
        check=True,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=INSTALL_SECONDS,
        cwd=folder,
    )
