"""When this release was made: no clock is right that says less."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("release-date")
"""Written by the build of a release: one line, ISO 8601 with a zone. A checkout has none."""
EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""From here on a clock is wrong, not old: certificates and meters count years in two digits."""


def release_date(file: Path = FILE) -> datetime:
    """Give the moment, in UTC; `EARLIEST` where no file says it, or one that makes no sense."""
    try:
        with file.open("rb") as opened:
            moment = datetime.fromisoformat(opened.read(64).decode("ascii").strip())
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (OSError, ValueError, OverflowError):
        return EARLIEST
    return moment if EARLIEST <= moment < LATEST else EARLIEST
