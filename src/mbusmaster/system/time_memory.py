"""What is known of the time across restarts, in one small file: how late it was last, and when the clock was last right."""

import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mbusio.files import write_atomically

FILE: Final = "time.json"
SAVE_SECONDS: Final = 3600.0
_LARGEST: Final = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What was known when it was written.

    :ivar time: what the clock said.
    :ivar synchronised: when a time server was last followed.
    :ivar set: when somebody last set the clock.
    :ivar boot: start of the machine during which the later of both was; empty where it is not known.
    """

    time: datetime | None = None
    synchronised: datetime | None = None
    set: datetime | None = None
    boot: str = ""

    @property
    def right(self) -> datetime | None:
        """When the clock was last right."""
        return max(filter(None, (self.synchronised, self.set)), default=None)


class TimeMemory:
    """Keeps it.

    :param folder: of the state; without one nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE
        self._known = _read(self._path) if self._path is not None else Known()

    @property
    def known(self) -> Known:
        """What is known."""
        return self._known

    def change(self, **changes: Any) -> None:
        """Keep what has changed in memory; `save` writes it."""
        self._known = replace(self._known, **changes)

    def save(self) -> None:
        """Write it, as a whole or not at all; a disk that refuses is told in the log."""
        if self._path is None:
            return
        known = self._known
        moments = {"time": known.time, "synchronised": known.synchronised, "set": known.set}
        texts = {name: moment.isoformat(timespec="seconds") for name, moment in moments.items() if moment}
        try:
            write_atomically(self._path, json.dumps({**texts, "boot": known.boot}).encode())
        except OSError as error:
            _log.error("the time could not be kept in %s: %s", self._path, error.strerror or error)


def _read(path: Path) -> Known:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST))
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        moments = {name: _moment(content.get(name)) for name in ("time", "synchronised", "set")}
        return Known(**moments, boot=str(content.get("boot", ""))[:64])
    except FileNotFoundError:
        return Known()
    except (OSError, ValueError, RecursionError, OverflowError) as error:
        _log.error("what was known of the time cannot be read from %s: %s", path, error)
        return Known()


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("a moment is a text")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment has a zone")
    return moment.astimezone(UTC)
