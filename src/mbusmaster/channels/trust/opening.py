"""Opening the trust of a machine whose disk may be damaged: the pages must come up all the same, and say so."""

import datetime
import logging
from collections.abc import Callable
from pathlib import Path

from mbusio.certificates import ServerNames
from mbusmaster.channels.trust.backup import unpack
from mbusmaster.channels.trust.errors import TrustError
from mbusmaster.channels.trust.keyfiles import AUTHORITY
from mbusmaster.channels.trust.registry import LIST
from mbusmaster.channels.trust.trust import Trust

_log = logging.getLogger(__name__)


def open_trust(
    folder: Path, names: Callable[[], ServerNames], now: Callable[[], datetime.datetime]
) -> tuple[Trust | None, str]:
    """Open the trust in a folder, or say why that cannot be (parameters as of `Trust`)."""
    try:
        return Trust(folder, names, now), ""
    except TrustError as error:
        _log.error("trust: %s", error)
        return None, str(error)


def repair_trust(folder: Path, data: bytes) -> None:
    """Put what `Trust.export_secrets` gave in the place of a trust that cannot be opened; it counts from the next start.

    What was there is kept beside it as ``*.damaged``. Raise `TrustError`, and then nothing has changed if `data` is the reason.
    """
    unpack(data)
    try:
        for name in (AUTHORITY, LIST, f"{LIST}-wal", f"{LIST}-shm"):
            path = folder / name
            if path.exists():
                path.replace(path.with_name(f"{name}.damaged"))
    except OSError as error:
        raise TrustError(f"cannot use the folder {folder}: {error.strerror or error}") from error
    trust = Trust(folder)
    try:
        trust.import_secrets(data)
    finally:
        trust.close()
