"""A store with readings of many days, as meters of the simulator's models give them: with gaps and doubtful clocks."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.store import Assignment, Store
from mbushosting.contact import MeterReport
from mbushosting.readings import MAX_BATCH, Outcome, Reading
from mbushosting.schedules import Every, Schedule
from mbussim.model import models
from mbussim.modelled import ModelledMeter
from support.headend_messages import SERIAL, batch, contact, reading

MODELS: Final = ("multical-403", "flowiq-2101", "abb-b23", "room-sensor")
_DOUBTFUL: Final = timedelta(hours=6)
"""For so long the master's clock is doubtful, once."""


def simulated_meters(began: datetime, slugs: Sequence[str] = MODELS) -> list[ModelledMeter]:
    """Give one meter of each model; each call gives the same."""
    known = models()
    return [
        ModelledMeter(known[slug], number, f"{30401700 + number * 7:08d}", began, seed=7)
        for number, slug in enumerate(slugs, 1)
    ]


async def fill(
    store: Store,
    since: datetime,
    until: datetime,
    *,
    minutes: int = 60,
    slugs: Sequence[str] = MODELS,
    serial: str = SERIAL,
    with_gaps: bool = True,
) -> list[ModelledMeter]:
    """Let a master deliver what it has read by a schedule from `since` to before `until`."""
    meters = simulated_meters(since, slugs)
    await _expect(store, meters, since, minutes, serial)
    waiting: list[Reading] = []
    for one in _readings(meters, since, until, minutes, with_gaps=with_gaps):
        waiting.append(one)
        if len(waiting) == MAX_BATCH:
            await store.take(
                serial, batch(*waiting, serial=serial), waiting[-1].taken + timedelta(seconds=20)
            )
            waiting = []
    if waiting:
        await store.take(serial, batch(*waiting, serial=serial), waiting[-1].taken + timedelta(seconds=20))
    return meters


async def _expect(
    store: Store, meters: list[ModelledMeter], since: datetime, minutes: int, serial: str
) -> None:
    await store.add_token(serial.encode(), since + timedelta(1), "", since)
    assert await store.use_token(serial.encode(), serial, since)
    listed = tuple(
        MeterReport(bus="main", address=str(meter.secondary), primary=meter.primary) for meter in meters
    )
    await store.note_contact(
        serial, contact(serial, time=since, started=since, meters=listed, meter_list="1"), since
    )
    schedule = Schedule(id="hourly", title="Every hour", rule=Every(minutes=minutes))
    await store.put_schedule(schedule, Assignment(everybody=True), since)
    await store.orders(serial, 0, "1", since)


def _readings(
    meters: list[ModelledMeter], since: datetime, until: datetime, minutes: int, *, with_gaps: bool
) -> Iterator[Reading]:
    chance = random.Random("gaps")
    step, length = timedelta(minutes=minutes), until - since
    # The second meter is away for a twentieth of the time, and everybody's clock is doubtful for some hours.
    away = (since + length * 0.6, since + length * 0.65)
    doubtful = (since + length * 0.3, since + length * 0.3 + _DOUBTFUL)
    number, slot = 0, since
    while slot < until:
        for place, meter in enumerate(meters):
            number += 1
            taken = slot + timedelta(seconds=3 + 2 * place + chance.random())
            silent = with_gaps and (chance.random() < 0.004 or (place == 1 and away[0] <= slot < away[1]))
            frames = (
                ()
                if silent
                else [frame.to_bytes() for frame in meter.reading((taken - since).total_seconds())]
            )
            yield reading(
                number,
                str(meter.secondary),
                frames,
                slot=slot,
                taken=taken,
                clock="doubtful" if with_gaps and doubtful[0] <= slot < doubtful[1] else "synchronised",
                outcome=Outcome.SILENT if silent else Outcome.OK,
                remark="no answer at any rate" if silent else "",
                attempts=9 if silent else 1,
            )
        slot += step
