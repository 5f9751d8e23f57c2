"""A desk of the fleet over a real store, with a clock that the test sets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from mbusheadend.fleet.day import Day
from mbusheadend.fleet.desk import Desk
from mbusheadend.store import Store
from mbusheadend.store.local import LocalPlace
from mbusio.listreading import Patience
from support.headend_messages import START
from support.headend_store import KINDS

URL: Final = "https://head-end.example:8443"
LOCAL: Final = LocalPlace("/dev/ttyUSB0", Patience())


@dataclass(slots=True)
class Bench:
    """:ivar connected: masters that hear at once."""

    store: Store
    desk: Desk = field(init=False)
    time: datetime = START
    seconds: float = 0.0
    connected: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        day = Day(self.store, lambda: self.time, lambda: self.seconds)
        self.desk = Desk(self.store, lambda: self.time, lambda serial: serial in self.connected, day, URL)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """Give a desk over an empty store."""
    store = KINDS["sqlite"](folder)
    made = Bench(store)
    try:
        yield made
    finally:
        await made.desk.day.close()
        store.close()
