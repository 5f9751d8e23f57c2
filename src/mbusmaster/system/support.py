"""One archive with all that support needs to know of a master: logs, versions, settings without secrets, counters."""

import json
import platform
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from typing import Any, Final

from mbusmaster.system.logring import LogRing

_PIECE: Final = 32 * 1024
_LARGEST_PART: Final = 4 * 1024 * 1024
"""Characters of one part; more is cut off, and the part says so."""


@dataclass(frozen=True, slots=True)
class SupportParts:
    """What goes into the archive besides logs and versions.

    :ivar settings: text of the settings file, from which the caller has taken every secret.
    :ivar counters: of channels, buses and meters.
    """

    settings: str
    counters: Mapping[str, Any]


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


def support_archive(system: LogRing, debug: LogRing, parts: SupportParts, now: datetime) -> Iterator[bytes]:
    """Make the archive (zip) piece by piece, so that it never stands in memory as a whole; meant for a thread of its own.

    :param now: time of the files, with a time zone.
    """
    files: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("system.log", lambda: _log_text(system)),
        ("debug.log", lambda: _log_text(debug)),
        ("versions.json", lambda: _json_text(versions())),
        ("settings.toml", lambda: (parts.settings,)),
        ("counters.json", lambda: _json_text(parts.counters)),
    )
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            entry = zipfile.ZipInfo(name, now.astimezone(UTC).timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                for piece in _pieces(text()):
                    file.write(piece)
                    yield from sink.take()
            yield from sink.take()
    yield from sink.take()


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


def _log_text(ring: LogRing) -> Iterator[str]:
    return (f"{line}\n" for line in ring.lines())


def _json_text(content: Mapping[str, Any]) -> tuple[str]:
    return (json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n",)


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
