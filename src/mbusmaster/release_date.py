"""When this release was made: no clock is right that says less."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

FILES: Final = (Path(sys.prefix, "release.json"), Path("/usr/share/mbusmaster/release.json"))
"""Of a slot, and of the package; a checkout has none. `mbusreleases.description` says what stands in them."""
EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""From here on a clock is wrong, not old."""
_LARGEST: Final = 4096


def release_date(files: Iterable[Path] = FILES) -> datetime:
    """Give the newest moment that a file says, in UTC; `EARLIEST` where none says any that makes sense."""
    return max((_date(file) for file in files), default=EARLIEST)


def _date(file: Path) -> datetime:
    try:
        with file.open("rb") as opened:
            moment = datetime.fromisoformat(json.loads(opened.read(_LARGEST))["date"]).astimezone(UTC)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return EARLIEST
    return moment if EARLIEST <= moment < LATEST else EARLIEST
