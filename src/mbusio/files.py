"""Files that no power cut leaves half written."""

import os
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
EVERYBODY_READS: Final = 0o644


def write_atomically(path: Path, data: bytes, mode: int = OWNER_ONLY) -> None:
    """Replace a file so that at any instant either the old or the new content is there, also after a power cut.

    Raises `OSError` as the system gives it; then the old one is there. What stands at the temporary name is never followed.
    """
    temporary = temporary_path(path)
    try:
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_for_good(path: Path) -> None:
    """Remove a file, whether it is there or not, so that no power cut brings it back; raise `OSError`."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_folder(path.parent)


def temporary_path(path: Path) -> Path:
    """Give the name under which a file is written before it takes its place."""
    return path.with_name(f".{path.name}.new")


def sync_folder(path: Path) -> None:
    """Force names that were made or removed in a folder to the disk."""
    _sync(path, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Force what was written into a file to the disk."""
    _sync(path, 0)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
