"""Where an archive is: a folder, or a bucket of S3. Names in it are relative, with slashes.

A name is there as soon as what stands under it is whole. All calls may take long: use threads. Errors: `ArchiveError`.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as fs

from mbusheadend.archive.errors import ArchiveError
from mbusio.files import sync_folder, temporary_path, write_atomically

PIECE: Final = 1 << 20
FOLDER_MODE: Final = 0o750
FILE_MODE: Final = 0o640


class Sink:
    """A file being written, with what is known of it so far. What pyarrow asks of a file of Python."""

    closed = False

    def __init__(self, target: Any) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Write a piece."""
        piece = memoryview(data).cast("B")
        self._target.write(piece)
        self._digest.update(piece)
        self.size += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Give the place behind what was written."""
        return self.size

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Say that this is all; the place closes the file itself."""
        self.closed = True

    @property
    def sha256(self) -> str:
        """Digest of all that was written."""
        return self._digest.hexdigest()


class Place(Protocol):
    """A place with files."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Give the names of all files in a folder and below it, with their sizes; nothing where it is not there."""

    def read(self, name: str, limit: int) -> bytes | None:
        """Give a small file; None where it is not there. Raise `ArchiveError` for one that is bigger."""

    def open(self, name: str) -> Any:
        """Open a file as pyarrow reads it, anywhere in it."""

    def create(self, name: str) -> contextlib.AbstractContextManager[Sink]:
        """Write a file, which gets its name when the block ends without an error."""

    def put(self, name: str, data: bytes) -> None:
        """Write a small file in one, also over another one."""

    def remove(self, name: str) -> None:
        """Remove a file; nothing where it is not there."""


def digest_of(place: Place, name: str) -> tuple[int, str]:
    """Read a whole file; give its size and digest."""
    digest, size = hashlib.sha256(), 0
    with told(name), place.open(name) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


@contextmanager
def told(name: str) -> Iterator[None]:
    """Say of what file of the archive an error is: raise `ArchiveError`."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"the archive's {name}: {str(error)[:500]}") from error


class Folder:
    """A folder, which is made where there is none."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def sizes(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        with told(folder):
            found = (path for path in (self._root / folder).rglob("*") if path.is_file())
            return {path.relative_to(self._root).as_posix(): path.stat().st_size for path in found}

    def read(self, name: str, limit: int) -> bytes | None:
        """See `Place`."""
        with told(name):
            try:
                with self._path(name).open("rb") as file:
                    return _bounded(file.read(limit + 1), name, limit)
            except FileNotFoundError:
                return None

    def open(self, name: str) -> Any:
        """See `Place`."""
        with told(name):
            return pa.OSFile(str(self._path(name)))

    @contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """See `Place`."""
        path = self._path(name)
        temporary = temporary_path(path)
        with told(name):
            path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(temporary, flags, FILE_MODE), "wb") as file:
                    yield Sink(file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)

    def put(self, name: str, data: bytes) -> None:
        """See `Place`."""
        with told(name):
            path = self._path(name)
            path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            write_atomically(path, data, FILE_MODE)

    def remove(self, name: str) -> None:
        """See `Place`."""
        with told(name):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ArchiveError(f"{name!r} is no name in an archive")
        return self._root / name


class Bucket:
    """A part of a bucket. An object is there when it is whole; what a file of pyarrow holds back is a part of some megabytes.

    :param system: of pyarrow, that knows endpoint and credentials.
    :param root: ``bucket/prefix``.
    """

    def __init__(self, system: Any, root: str) -> None:
        self._system = system
        self._root = root.strip("/")

    def __str__(self) -> str:
        return f"s3://{self._root}"

    def sizes(self, folder: str) -> dict[str, int]:
        """See `Place`."""
        selector = fs.FileSelector(f"{self._root}/{folder}", allow_not_found=True, recursive=True)
        with told(folder):
            return {
                info.path.removeprefix(f"{self._root}/"): info.size
                for info in self._system.get_file_info(selector)
                if info.type is fs.FileType.File
            }

    def read(self, name: str, limit: int) -> bytes | None:
        """See `Place`."""
        with told(name):
            try:
                with self._system.open_input_file(self._path(name)) as file:
                    return _bounded(bytes(file.read(limit + 1)), name, limit)
            except FileNotFoundError:
                return None

    def open(self, name: str) -> Any:
        """See `Place`."""
        with told(name):
            return self._system.open_input_file(self._path(name))

    @contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """See `Place`. After an error what there is of the file may have its name for a moment."""
        path = self._path(name)
        with told(name):
            stream = self._system.open_output_stream(path)
            try:
                yield Sink(stream)
            except BaseException:
                # An upload that was begun can only be ended: the object is removed again.
                with contextlib.suppress(OSError, pa.ArrowException):
                    stream.close()
                    self._system.delete_file(path)
                raise
            stream.close()

    def put(self, name: str, data: bytes) -> None:
        """See `Place`."""
        with told(name), self._system.open_output_stream(self._path(name)) as stream:
            stream.write(data)

    def remove(self, name: str) -> None:
        """See `Place`."""
        with told(name), contextlib.suppress(FileNotFoundError):
            self._system.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _bounded(data: bytes, name: str, limit: int) -> bytes:
    if len(data) > limit:
        raise ArchiveError(f"the archive's {name} has more than {limit} bytes")
    return data


def open_place(
    address: str,
    *,
    endpoint: str = "",
    region: str = "",
    path_style: bool = True,
    credentials: tuple[str, str] | None = None,
    ca_file: Path | None = None,
) -> Place:
    """Open a folder, or ``s3://bucket/prefix``. Raise `ArchiveError`.

    :param endpoint: URL of a service like S3; empty for that of Amazon.
    :param credentials: name and secret; None for what the environment says (``AWS_ACCESS_KEY_ID`` and so on).
    """
    if not address.startswith("s3://"):
        return Folder(Path(address))
    root = address.removeprefix("s3://")
    options: dict[str, Any] = {"force_virtual_addressing": not path_style, "background_writes": False}
    if endpoint:
        parts = urlsplit(endpoint)
        options |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    if region:
        options["region"] = region
    if credentials is not None:
        options |= {"access_key": credentials[0], "secret_key": credentials[1]}
    if ca_file is not None:
        options["tls_ca_file_path"] = str(ca_file)
    try:
        return Bucket(fs.S3FileSystem(**options), root)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise ArchiveError(f"the archive {address} cannot be opened: {error}") from error
