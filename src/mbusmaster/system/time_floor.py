"""The time floor: no clock is right that is behind the last time that is known, or behind the release of this software.

It is held before anything checks a certificate. A machine without a battery for its clock wakes up in the past, where a
certificate that has expired since is valid again and one of today is not valid yet.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperError
from mbusmaster.release_date import LATEST, release_date
from mbusmaster.system import time_texts as texts
from mbusmaster.system.time_memory import TimeMemory
from mbusweb.texts import NO_TEXT, Text

HELPER_SECONDS: Final = 30.0
"""For the helper to set the clock: nothing of the gateway is open before, and the service manager gives up after 120."""

_log = logging.getLogger(__name__)


async def hold_floor(
    memory: TimeMemory,
    *,
    helper: Helper,
    now: Callable[[], datetime],
    release: datetime | None = None,
    seconds: float = HELPER_SECONDS,
) -> Text:
    """Put a clock that is below the floor to the floor; give what is doubtful about the clock then, if anything."""
    floor = _floor(memory, release_date() if release is None else release)
    was = now()
    if was >= floor:
        return NO_TEXT
    values: dict[str, str | int] = {"was": f"{was:%Y-%m-%d %H:%M}", "floor": f"{floor:%Y-%m-%d %H:%M}"}
    try:
        async with asyncio.timeout(seconds):
            await helper.do("clock.set", {"moment": floor.isoformat()})
    except TimeoutError:
        doubt = Text(texts.STILL_BELOW, {**values, "reason": "the helper does not answer"})
    except HelperError as error:
        doubt = Text(texts.STILL_BELOW, {**values, "reason": str(error)})
    else:
        doubt = Text(texts.BELOW_FLOOR, values)
    _log.warning("%s", doubt)
    return doubt


def _floor(memory: TimeMemory, release: datetime) -> datetime:
    known = memory.known.time
    return max(release, known) if known is not None and known < LATEST else release
