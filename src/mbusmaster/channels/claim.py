"""A name in the file system that one process uses at a time: kept by a locked file beside it, free when that process is dead."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path


class Claim:
    """The claim on one name.

    :param path: of the name; ``.NAME.lock`` beside it is the locked file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._file = -1

    def take(self) -> None:
        """Take it; raise `OSError`, `FileExistsError` when another process has it."""
        while True:
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(file)
                if error.errno != errno.EWOULDBLOCK:
                    raise
                raise FileExistsError(errno.EEXIST, "another gateway uses it", str(self._path)) from error
            # Whoever had it before may have taken the file away after it was opened here.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(self._lock)):
                    self._file = file
                    return
            os.close(file)

    def release(self) -> None:
        """Give it up."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._lock.unlink()
            os.close(self._file)
            self._file = -1
