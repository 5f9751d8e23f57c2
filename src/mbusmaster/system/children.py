"""Programs that end with the one that started them, and a folder that is taken away, also after ``kill -9``."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LOCK: Final = "in-use"


def ends_with_parent() -> Callable[[], None]:
    """Give what a child must call between fork and exec so that it gets SIGTERM when this process is gone (Linux).

    Call it in the thread that starts the child, and start children in a thread that lives as long as the process.
    """
    parent = os.getpid()
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            # Gone in between: nobody is left who would be told.
            if os.getppid() != parent:
                os._exit(1)

    return prepare


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Make a folder for temporary files, removed at the end; remove those that killed processes left under this prefix."""
    _remove_orphans(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    lock = _locked(folder, os.O_CREAT)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _remove_orphans(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        lock = _locked(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path, flags: int = 0) -> int | None:
    """Take the lock of a folder, which ends with the process; None where another process has it, or it is none of ours."""
    file = -1
    try:
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if file >= 0:
            os.close(file)
        return None
    return file
