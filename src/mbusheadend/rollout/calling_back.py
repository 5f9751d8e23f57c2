"""Orders that are taken back. What a master has begun it finishes; it is offered nothing any more."""

import contextlib
from collections.abc import Iterable
from datetime import datetime

from mbusheadend.rollout.state import Member
from mbusheadend.store import Store, UnknownError


async def call_back(store: Store, rollout: str, members: Iterable[Member], now: datetime) -> None:
    """Want these updates no more."""
    for one in members:
        # It was done meanwhile, or the master is gone.
        with contextlib.suppress(UnknownError):
            await store.cancel_command(one.serial, one.command_of(rollout), now)
