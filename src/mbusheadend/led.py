"""Work that one process of all does, and another one when that ends: it is done under a lease of the store."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mbusheadend.store.errors import StoreError
from mbusheadend.store.leases import Lease, Leases

AGAIN_SECONDS: Final = 5.0
"""After which a process that has no lease asks again."""
PART_SECONDS: Final = 60.0
"""After which a part begins again that has failed."""
Work = Callable[[], Coroutine[Any, Any, None]]

_log = logging.getLogger(__name__)


async def led(leases: Leases, name: str, *works: Work, again: float = AGAIN_SECONDS) -> None:
    """Do works for ever, as long as this process holds a lease; where another one does, wait for it to end."""
    was_well = True
    while True:
        try:
            async with leases.lease(name) as lease:
                was_well = True
                if lease:
                    _log.debug("this process has the lease %s", name)
                    await _until_lost(lease, works)
        except StoreError as error:
            if was_well:
                _log.error("nobody knows which process does the work in the background: %s", error)
            was_well = False
        await asyncio.sleep(again)


async def kept_up(work: Work) -> None:
    """Do a work for ever: what nobody thought of is logged, ends nothing else, and the work begins again."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("%s has failed", getattr(work, "__qualname__", work))
        await asyncio.sleep(PART_SECONDS)


async def _until_lost(lease: Lease, works: tuple[Work, ...]) -> None:
    tasks = [asyncio.create_task(kept_up(work)) for work in works]
    try:
        await lease.lost.wait()
        _log.warning("the lease is lost: another process goes on with the work in the background")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
