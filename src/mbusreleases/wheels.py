"""From the lock file to the target of a release: a tar with all wheels for one Python."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from mbusreleases.archive import pack
from mbusreleases.description import DESCRIPTION, Description
from mbusreleases.errors import MakingError

EXTRAS: Final = ("master", "panel")
_NAME: Final = "mbusmaster"
_PLATFORM: Final = (
    "import platform, sys; print(f'{sys.version_info.major}.{sys.version_info.minor} {platform.machine()}')"
)


def build_target(
    project: Path, number: int, now: datetime, python: Path, work: Path
) -> tuple[Description, Path]:
    """Build the wheels of a checkout and all that it locks, and pack them; give what they are and the tar.

    What others offer only as source is compiled, so this runs on a machine like the one that it is for; raises `MakingError`.

    :param python: of the same minor version as on the devices.
    :param work: an empty folder.
    """
    uv = _uv(project)
    wheels = work / "wheels"
    wheels.mkdir()
    locked = work / "requirements.txt"
    extras = [argument for extra in EXTRAS for argument in ("--extra", extra)]
    options = ("--quiet", "--frozen", "--no-default-groups", "--no-emit-project", "--no-header")
    _run([uv, "export", *options, *extras, "--output-file", str(locked)], project)
    _run([str(python), "-m", "venv", str(work / "venv")], work)
    pip = [str(work / "venv" / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wanted = ("--no-deps", "--require-hashes", "--wheel-dir", str(wheels), "--requirement", str(locked))
    _run([*pip, "wheel", *wanted], work)
    _run([uv, "build", "--quiet", "--wheel", "--out-dir", str(wheels), str(project)], project)
    (own,) = wheels.glob(f"{_NAME}-*.whl")
    minor, architecture = _run([str(python), "-c", _PLATFORM], work).split()
    description = Description(number, own.name.split("-")[1], now, minor, architecture)
    return description, pack_target(description, sorted(wheels.glob("*.whl")), work)


def pack_target(description: Description, wheels: Sequence[Path], folder: Path) -> Path:
    """Write the target of a release; give its path."""
    path = folder / description.target
    content = json.dumps(description.to_json(), indent=1).encode()
    with open(path, "wb") as file:
        pack(file, [(DESCRIPTION, content), *((f"wheels/{wheel.name}", wheel) for wheel in wheels)])
    return path


def _uv(project: Path) -> str:
    """Find uv as `tools/setup.sh` does."""
    found = shutil.which("uv") or str(project / ".tools" / "bin" / "uv")
    if not Path(found).exists():
        raise MakingError("uv is missing: run tools/setup.sh run")
    return found


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        ended = subprocess.run(  # noqa: S603 - tools of the one who makes the release
            command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise MakingError(f"{Path(command[0]).name} failed: {error}") from error
    return ended.stdout
