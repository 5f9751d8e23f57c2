"""Files that no power cut leaves half written."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that at any instant either the old or the new content is there, also after a power cut.

    The file is readable and writable by its owner only. Raises `OSError` as the system gives it.
    """
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_path(path: Path) -> Path:
    """Give the name under which a file is written before it takes its place."""
    return path.with_name(f".{path.name}.new")


def sync_folder(path: Path) -> None:
    """Force names that were made or removed in a folder to the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
