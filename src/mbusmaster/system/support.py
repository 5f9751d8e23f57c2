"""One archive with all that support needs of a master: logs, bus trace, versions, settings without secrets, the machine."""

import json
import os
import platform
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from mbusmaster.system.logs import Logs

HIDDEN: Final = "***"
_PIECE: Final = 32 * 1024
_LARGEST_PART: Final = 4 * 1024 * 1024
"""Characters of one part that is made here; more is cut off, and the part says so."""
_MOST_READ: Final = 64 * 1024
_USER: Final = re.compile(r"(?<=://)[^/?#\s]*@")
_PARAMETER: Final = re.compile(
    r"(?<=[?&])([^=&#]*(?:pass|secret|token|key|psk|pin)[^=&#]*=)[^&#]*", re.IGNORECASE
)
_SECRET_NAME: Final = re.compile(r"pass(word|phrase)|secret|token|private|psk", re.IGNORECASE)
_SYSTEM_FILES: Final = (
    "proc/meminfo",
    "proc/loadavg",
    "proc/uptime",
    "proc/cpuinfo",
    "proc/mounts",
    "proc/self/status",
    "proc/net/dev",
    "proc/net/route",
    "proc/net/ipv6_route",
    "etc/os-release",
)


@dataclass(frozen=True, slots=True)
class SupportParts:
    """What goes into the archive besides logs and versions.

    :ivar settings: text of the settings file, from which the caller has taken every secret (`without_secrets`).
    :ivar counters: of channels, buses and meters, and how each service is.
    :ivar audit: lines of the audit log, without persons.
    """

    settings: str
    counters: Mapping[str, Any]
    audit: Iterable[str] = ()


def archive_name(serial_number: str, now: datetime) -> str:
    """Give the name under which the archive is downloaded."""
    return f"mbusmaster-{serial_number}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip"


def versions() -> dict[str, str]:
    """Give the versions of everything that runs: the machine's kernel, Python, and what is installed with us."""
    found = {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    for one in distributions():
        found[one.name] = one.version
    return dict(sorted(found.items(), key=lambda item: item[0].casefold()))


def without_secrets(value: Any) -> Any:
    """Give a copy of settings, or of anything as JSON has it, with asterisks for what may be a secret.

    Those are what stands under a name that says so, the user in front of the host of a URL, and what a URL's parameters call so.
    """
    match value:
        case dict():
            return {
                name: HIDDEN if one and _SECRET_NAME.search(str(name)) else without_secrets(one)
                for name, one in value.items()
            }
        case list() | tuple():
            return [without_secrets(one) for one in value]
        case str():
            return _PARAMETER.sub(rf"\1{HIDDEN}", _USER.sub(f"{HIDDEN}@", value))
    return value


def machine_facts(folder: Path | None, root: Path = Path("/")) -> Iterator[str]:
    """Give what the system says of memory, disk, load and network.

    :param folder: on the disk of which the room is told.
    """
    if folder is not None:
        try:
            disk = os.statvfs(folder)
        except OSError as error:
            yield f"== disk of {folder}: {error.strerror}\n"
        else:
            free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
            yield f"== disk of {folder}: {free >> 20} of {size >> 20} MiB free, {disk.f_favail} files\n"
    for name in _SYSTEM_FILES:
        try:
            with (root / name).open("rb") as file:
                text = file.read(_MOST_READ).decode("utf-8", "replace")
        except OSError as error:
            text = f"{error.strerror}\n"
        yield f"== /{name}\n{text}"


def support_archive(logs: Logs, parts: SupportParts, now: datetime) -> Iterator[bytes]:
    """Make the archive (zip) piece by piece, so that it never stands in memory as a whole; meant for a thread of its own.

    :param now: time of the files, with a time zone.
    """
    files: list[tuple[str, Callable[[], Iterable[bytes]]]] = [
        ("system.log", logs.system.texts),
        ("debug.log", logs.debug.texts),
        ("versions.json", lambda: _pieces(_json_text(versions()))),
        ("settings.toml", lambda: _pieces((parts.settings,))),
        ("counters.json", lambda: _pieces(_json_text(parts.counters))),
        ("machine.txt", lambda: _pieces(machine_facts(logs.folder))),
        ("audit.txt", lambda: _pieces(f"{line}\n" for line in parts.audit)),
    ]
    if logs.trace is not None:
        files.append(("bus.trace", logs.trace.texts))
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _zip_time(now))
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Its length is not known before, and settings may allow a log of any.
            with archive.open(entry, "w", force_zip64=True) as file:
                for long in content():
                    for start in range(0, len(long), _PIECE):
                        file.write(long[start : start + _PIECE])
                        yield from sink.take()
            yield from sink.take()
    yield from sink.take()


def _zip_time(now: datetime) -> tuple[int, int, int, int, int, int]:
    """Give a time as files in a zip have it, from 1980 to 2107: a clock that was never set is no reason to have no archive."""
    year, *rest = now.astimezone(UTC).timetuple()[:6]
    month, day, hour, minute, second = rest
    return min(max(year, 1980), 2107), month, day, hour, minute, second


class _Sink:
    """A file that can only be written, whose content is taken away as it comes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nothing behind it."""

    def close(self) -> None:
        """Do nothing: what is left is still to be taken."""

    def take(self) -> Iterator[bytes]:
        taken, self._pieces = b"".join(self._pieces), []
        if taken:
            yield taken


def _json_text(content: Mapping[str, Any]) -> tuple[str]:
    return (json.dumps(without_secrets(content), indent=2, ensure_ascii=False, default=str) + "\n",)


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    left = _LARGEST_PART
    waiting = ""
    for text in texts:
        if len(text) > left:
            waiting += text[:left] + "\n… cut off here: too long\n"
            break
        left -= len(text)
        waiting += text
        if len(waiting) >= _PIECE:
            yield _encoded(waiting)
            waiting = ""
    yield _encoded(waiting)


def _encoded(text: str) -> bytes:
    # Names of files may hold bytes that are no letters.
    return text.encode("utf-8", "backslashreplace")
