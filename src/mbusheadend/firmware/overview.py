"""Which masters run which release, and what each is offered."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mbusheadend.firmware.offering import number_of, offered
from mbusheadend.firmware.releases import Held
from mbusheadend.firmware.shelf import Shelf
from mbusheadend.rollout.offers import SILENT, Word
from mbusheadend.store import Master, Store


@dataclass(frozen=True, slots=True)
class MasterFirmware:
    """What a master runs.

    :ivar running: number of the release that it named last; 0 where it is none.
    :ivar software: version of it, in the master's words; empty where it never called.
    :ivar offered: what it is offered; None where that is nothing.
    """

    master: Master
    running: int
    software: str
    offered: Held | None

    @property
    def is_behind(self) -> bool:
        """Whether it is offered something newer than what it runs."""
        return self.offered is not None and self.offered.number > self.running


@dataclass(frozen=True, slots=True)
class FirmwareOverview:
    """How it stands.

    :ivar releases: the newest first.
    :ivar masters: those that call, by serial number.
    :ivar groups: of masters.
    """

    releases: tuple[Held, ...]
    masters: tuple[MasterFirmware, ...]
    groups: tuple[str, ...]

    def count(self, number: int) -> int:
        """Say how many masters run a release."""
        return Counter(one.running for one in self.masters)[number]


async def firmware_overview(
    store: Store, shelf: Shelf, now: datetime, word_for: Callable[[str], Word] = lambda serial: SILENT
) -> FirmwareOverview:
    """Give all that is known; `word_for` says what rollouts decide for a master. Raise `FirmwareError` or `StoreError`."""
    held = await asyncio.to_thread(shelf.releases)
    masters = [master for master in await store.masters() if master.local is None]
    groups = {group for master in masters for group in master.groups}
    return FirmwareOverview(
        held,
        tuple(_of(master, held, now, word_for(master.serial)) for master in masters),
        tuple(sorted(groups, key=str.casefold)),
    )


def _of(master: Master, held: tuple[Held, ...], now: datetime, word: Word) -> MasterFirmware:
    running = number_of(master.contact.release) if master.contact else 0
    return MasterFirmware(
        master,
        running,
        master.contact.software if master.contact else "",
        offered(held, master.groups, running, now, word),
    )
