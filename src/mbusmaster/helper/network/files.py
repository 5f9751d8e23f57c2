"""Files that are whole after a power cut too."""

import contextlib
import os
from pathlib import Path
from typing import Final

MODE: Final = 0o644
"""The managers read as users of their own."""


def write_whole(path: Path, text: str, mode: int = MODE) -> None:
    """Replace a file so that either the old or the new content is there at any instant; raise `OSError`."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, mode), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def remove(path: Path) -> None:
    """Remove a file, whether it is there or not; raise `OSError`."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        _settle(path.parent)


def _settle(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
