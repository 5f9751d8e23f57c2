"""Where a repository is read from: an unpacked file, or a server. The code that checks it is the same for both."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

_CHUNK: Final = 256 * 1024
_NOT_FOUND: Final = 404
_FOLDER: Final = "bundle:"


@dataclass(frozen=True, slots=True)
class Source:
    """A repository to be checked.

    :ivar url: of the folder that holds ``metadata/`` and ``targets/``.
    :ivar is_server: its metadata is signed anew every few days, by keys that are online.
    """

    fetcher: FetcherInterface
    url: str
    is_server: bool


def from_folder(folder: Path) -> Source:
    """Read an unpacked release file, and nothing outside of its folder."""
    return Source(FolderFetcher(folder), f"{_FOLDER}/", is_server=False)


def from_folder_of_server(folder: Path) -> Source:
    """Read an unpacked file that the gateway put together from what a server gave it."""
    return Source(FolderFetcher(folder), f"{_FOLDER}/", is_server=True)


def from_server(url: str, fetcher: FetcherInterface) -> Source:
    """Ask an update server by a fetcher that knows how."""
    return Source(fetcher, url if url.endswith("/") else f"{url}/", is_server=True)


class FolderFetcher(FetcherInterface):
    """Gives regular files of one folder; follows no link at any place below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        scheme, _, path = url.partition(":")
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        if f"{scheme}:" != _FOLDER or any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise DownloadError(f"{url} is outside of the file")
        try:
            handle = _open_below(self._folder, parts)
        except OSError as error:
            raise DownloadHTTPError(f"there is no {'/'.join(parts)}", _NOT_FOUND) from error
        return _read(handle)


def _open_below(folder: Path, parts: list[str]) -> int:
    """Open a regular file, each part of its path with O_NOFOLLOW."""
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError
    return handle


def _read(handle: int) -> Iterator[bytes]:
    with open(handle, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
