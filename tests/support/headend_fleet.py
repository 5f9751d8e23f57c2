"""A desk of the fleet over a real store, with a clock that the test sets; and stores with a fleet in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mbus.addressing import SecondaryAddress
from mbusheadend.fleet.day import Day
from mbusheadend.fleet.desk import Desk
from mbusheadend.store import Assignment, Store
from mbusheadend.store.local import LocalPlace
from mbushosting.contact import Contact
from mbushosting.readings import MAX_BATCH
from mbushosting.schedules import Every, Schedule
from mbusio.listreading import Patience
from support.headend_messages import START, batch, contact, enrol, listed, reading
from support.headend_meters import telegram
from support.headend_store import KINDS

URL: Final = "https://head-end.example:8443"
_PLACES: Final = ("Mill Lane 3", "Harbour Street 12", "North Quay", "School", "Town hall", "Park Row 7", "")
_MEDIA: Final = (0x04, 0x07, 0x06, 0x02)
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


async def settle(store: Store, now: datetime, masters: int, meters_each: int, readings_each: int = 1) -> None:
    """Fill a store: masters that call and some that do not, each with meters of several kinds, a schedule, readings."""
    await store.put_schedule(
        Schedule(id="hourly", title="Every hour", rule=Every(minutes=60)),
        Assignment(everybody=True),
        now - timedelta(days=2),
    )
    for number in range(masters):
        await _settle_master(store, now, number, meters_each, readings_each)


async def _settle_master(
    store: Store, now: datetime, number: int, meters_each: int, readings_each: int
) -> None:
    serial = f"SN{1000 + number}"
    await enrol(store, serial)
    await store.set_master(
        serial, name=_PLACES[number % len(_PLACES)], groups=(f"District {number % 7 + 1}",)
    )
    await store.add_certificate(
        serial, 0xABC000 + number, now + timedelta(days=300), now - timedelta(days=65)
    )
    meters = [
        SecondaryAddress(f"{number * 100 + index + 10_000_000:08}", 0x2C2D, 0x19, _MEDIA[index % len(_MEDIA)])
        for index in range(meters_each)
    ]
    reports = listed(*map(str, meters), status="answers", rates=(2400,), last_seen=now - timedelta(hours=1))
    began = now - timedelta(days=2)
    await store.note_contact(serial, _contact(serial, began, meters=reports, meter_list="1"), began)
    version = (await store.orders(serial, 0, "1", began)).version
    slots = [
        now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)
        for back in range(readings_each)
    ]
    readings = [
        reading(
            (number * 1000 + index) * 100 + back,
            str(meter),
            [telegram(meter, 1000 + readings_each - back, back + 1)] if (number + index) % 9 else (),
            taken=slot + timedelta(seconds=20 + index),
            slot=slot,
        )
        for back, slot in enumerate(slots)
        for index, meter in enumerate(meters)
    ]
    for first in range(0, len(readings), MAX_BATCH):
        await store.take(serial, batch(*readings[first : first + MAX_BATCH], serial=serial), now)
    if number % 11 != 10:
        silent = timedelta(hours=3) if number % 11 == 5 else timedelta(seconds=40)
        facts = {"orders": version, "meter_list": "1", "outbox": {"waiting": number % 4, "kept": 900}}
        await store.note_contact(serial, _contact(serial, now - silent, **facts), now - silent)


def _contact(serial: str, at: datetime, **facts: Any) -> Contact:
    return contact(
        serial,
        time=at,
        started=at - timedelta(days=12),
        software="0.1.0",
        release="2026.11",
        name=f"Cellar {serial}",
        clock="synchronised",
        buses=({"name": "main", "state": "idle", "current": 31.5, "load": 0.21},),
        lamps={
            "power": "red",
            "mbus": "green",
            "data": "green",
            "overload": "off",
            "ethernet": "green flashing",
        },
        counters={"main.requests": 81234, "main.answers": 80991},
        **facts,
    )
