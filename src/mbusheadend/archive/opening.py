"""The archive that the settings name. Imports what is big only when there is one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mbusheadend.archive.settings import ArchiveSettings
from mbusheadend.errors import HeadEndError
from mbusheadend.store import Store

if TYPE_CHECKING:
    from mbusheadend.archive.archivist import Archivist
    from mbusheadend.archive.months import Month
    from mbusheadend.archive.places import Place

MAX_CREDENTIALS: Final = 4096


def open_archive(
    settings: ArchiveSettings,
    store: Store,
    now: Callable[[], datetime],
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    progress: "Callable[[Month, int], None]" = lambda month, readings: None,
) -> "Archivist":
    """Open the archive of a store. Raise `HeadEndError` where there is none, or it cannot be opened."""
    place = place_of(settings)
    from mbusheadend.archive.archivist import Archivist

    return Archivist(
        store,
        place,
        settings.tenant,
        settings.wait_months,
        now,
        file_size=settings.file_megabytes << 20,
        pause=pause,
        progress=progress,
    )


def place_of(settings: ArchiveSettings) -> "Place":
    """Open the place of the settings. Raise `HeadEndError`."""
    if not settings.place:
        raise HeadEndError('the settings name no archive: [archive] with place = "/…" or "s3://…"')
    try:
        from mbusheadend.archive.places import open_place
    except ImportError:
        raise HeadEndError(
            "this head-end was installed without Parquet: install the extra `parquet` of its package"
        ) from None
    return open_place(settings.place, **options_of(settings))


def options_of(settings: ArchiveSettings) -> dict[str, Any]:
    """Give all that `mbusheadend.archive.places.open_place` needs beside the place. Raise `HeadEndError`."""
    return {
        "endpoint": settings.endpoint,
        "region": settings.region,
        "path_style": settings.path_style,
        "credentials": None if settings.credentials is None else _credentials(settings.credentials),
        "ca_file": settings.ca_file,
    }


def _credentials(path: Path) -> tuple[str, str]:
    """Read name and secret; nothing of them stands in an error."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = file.read(MAX_CREDENTIALS).split()
    except (OSError, UnicodeDecodeError) as error:
        raise HeadEndError(
            f"cannot read the credentials of the archive in {path}: {type(error).__name__}"
        ) from None
    if len(lines) != 2:
        raise HeadEndError(f"{path} is to have two lines: the name of an access key, and its secret")
    return lines[0], lines[1]
