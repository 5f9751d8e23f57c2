"""Plain tars: taken apart when they come from strangers, and written for them.

Only what releases need is understood: ustar headers of regular files and folders (POSIX.1-1988). Links, devices, sparse files and
the extensions of pax and GNU, whose headers may name gigabytes, are refused at their header. `tarfile` reads such headers into
memory before a filter sees them, and Debian 12's has no filters; so it only takes single headers apart here.
"""

import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from mbusreleases.errors import (
    BAD_PATH,
    CUT_OFF,
    NO_PLAIN_FILE,
    NO_SPACE,
    NOT_A_TAR,
    TOO_BIG,
    TOO_MANY_FILES,
    TWICE,
    ReleaseError,
)

MB: Final = 1024 * 1024
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK: Final = MB
_PART: Final = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+!-]*")
_DEEPEST: Final = 4
_REGULAR: Final = (tarfile.REGTYPE, tarfile.AREGTYPE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tar may hold.

    :ivar files: and folders, at most.
    :ivar size: bytes of all of them, with their headers.
    :ivar spare: bytes that stay free on the disk.
    """

    files: int = 1000
    size: int = 512 * MB
    spare: int = 32 * MB


def unpack(file: BinaryIO, into: Path, name: str, limits: Limits) -> None:
    """Unpack a tar into a folder that is empty and of nobody else; raise `ReleaseError`, or `OSError` as the system gives it.

    Reads forward only and stops at the first thing that no release has; what was unpacked until then is the caller's to remove.

    :param name: for messages.
    """
    taken: set[str] = set()
    folded: set[str] = set()
    left = limits.size
    while header := _next_header(file, name, first=not taken):
        path = _safe(header, name)
        left -= _BLOCK + header.size
        if left < 0:
            raise ReleaseError(TOO_BIG, {"file": name, "most": limits.size // MB})
        if len(taken) >= limits.files:
            raise ReleaseError(TOO_MANY_FILES, {"file": name, "most": limits.files})
        if path in taken or (header.isreg() and path.lower() in folded):
            raise ReleaseError(TWICE, {"file": name, "member": path})
        taken.add(path)
        folded.add(path.lower())
        try:
            _write(file, header, into / path, name, limits)
        except (FileExistsError, NotADirectoryError):
            raise ReleaseError(TWICE, {"file": name, "member": path}) from None
    if not taken:
        raise ReleaseError(NOT_A_TAR, {"file": name})


def pack(file: BinaryIO, members: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write a plain tar of files, the same bytes for the same contents.

    :param members: names, and files or contents.
    """
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.mode = 0o644
            if isinstance(content, bytes):
                header.size = len(content)
                tar.addfile(header, BytesIO(content))
            else:
                with open(content, "rb") as source:
                    header.size = os.fstat(source.fileno()).st_size
                    tar.addfile(header, source)


def check_room(folder: Path, need: int, spare: int = 0) -> None:
    """Raise `ReleaseError` where a folder's disk has no room for so many bytes and the spare ones."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < need + spare:
        values: dict[str, str | int] = {
            "need": (need + spare) // MB + 1,
            "free": free // MB,
            "folder": str(folder),
        }
        raise ReleaseError(NO_SPACE, values)


def _next_header(file: BinaryIO, name: str, *, first: bool) -> tarfile.TarInfo | None:
    """Read the next header; None at the end. A tar that ends without its end was cut off."""
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        raise ReleaseError(NOT_A_TAR if first else CUT_OFF, {"file": name})
    if not any(block):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeError, ValueError):
        raise ReleaseError(NOT_A_TAR, {"file": name}) from None


def _safe(header: tarfile.TarInfo, name: str) -> str:
    """Give the path of a member; raise `ReleaseError` for all but plain files and folders at plain relative paths."""
    shown = {"file": name, "member": ascii(header.name[:80])}
    if header.type not in (*_REGULAR, tarfile.DIRTYPE) or header.size < 0 or (header.isdir() and header.size):
        raise ReleaseError(NO_PLAIN_FILE, shown)
    parts = header.name.rstrip("/").split("/")
    if len(parts) > _DEEPEST or not all(_PART.fullmatch(part) for part in parts):
        raise ReleaseError(BAD_PATH, shown)
    return "/".join(parts)


def _write(file: BinaryIO, header: tarfile.TarInfo, path: Path, name: str, limits: Limits) -> None:
    if header.isdir():
        path.mkdir(mode=0o700, parents=True)
        return
    check_room(path.parents[_depth(header)], header.size, limits.spare)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "xb") as written:
        written.writelines(_contents(file, header.size, name))


def _depth(header: tarfile.TarInfo) -> int:
    return header.name.rstrip("/").count("/")


def _contents(file: BinaryIO, size: int, name: str) -> Iterator[bytes]:
    """Give the contents of a member in pieces, and read over what fills the last block."""
    left = size
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise ReleaseError(CUT_OFF, {"file": name})
        left -= len(chunk)
        yield chunk
    filling = -size % _BLOCK
    if len(file.read(filling)) < filling:
        raise ReleaseError(CUT_OFF, {"file": name})
