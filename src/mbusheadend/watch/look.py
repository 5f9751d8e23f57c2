"""Looks at masters, meters, gaps and the disk: what is wrong becomes an alarm, what is right again ends it."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mbusheadend.alarms.alarm import AlarmFilter, AlarmKey, Raised
from mbusheadend.alarms.kinds import EVENTS, JUDGMENTS, AlarmKind
from mbusheadend.filling.filler import Filler, read_on_day
from mbusheadend.firmware import FirmwareError, Shelf
from mbusheadend.store import Completeness, Master, Store, UnknownError
from mbusheadend.watch import masters, meters
from mbusheadend.watch.limits import Limits, limits_in
from mbushosting.readings import Reading
from mbushosting.schedules import Schedule
from mbusweb.texts import Text, mark

SETTLE: Final = timedelta(minutes=15)
"""After a slot, until its readings ought to be here."""
DAY: Final = timedelta(days=1)
MESSAGES_KEPT: Final = timedelta(days=30)
DISK_GOOD: Final = 2
"""Percent above the limit at which the disk is no longer nearly full."""
EXPIRES_SOON: Final = timedelta(days=60)
"""Before its signatures expire, a release is said to."""
_DROPS: Final = "drops"
_EXCHANGES: Final = "exchanges"
_QUARANTINE: Final = "quarantine"
_PAGE: Final = 1000

EXPIRES: Final = mark("The signatures of release %(release)s are valid until %(until)s.")
DISK: Final = mark("Of the disk of the head-end %(percent)d %% are free (%(megabytes)d MB).")
EXCHANGED: Final = mark("At %(place)s there is the meter %(after)s now, where %(before)s was.")
WRONG: Final = mark("A telegram of another meter came from %(place)s: %(reason)s")


class Look:
    """Looks, one thing at a time; each may raise `StoreError`.

    :param started: since when the head-end listens.
    """

    def __init__(
        self, store: Store, now: Callable[[], datetime], started: datetime, state_folder: Path
    ) -> None:
        self._store = store
        self._now = now
        self._started = started
        self._folder = state_folder
        self._filler = Filler(store, now)
        self._filling = asyncio.Lock()

    async def limits(self) -> Limits:
        """Give the limits in force."""
        return await limits_in(self._store)

    async def at_masters(self) -> None:
        """Look at what masters said, and when; at wrong and exchanged meters; end what happened long ago."""
        now, limits = self._now(), await self.limits()
        found = await self._store.masters()
        certificates = await self._store.newest_certificates()
        lasting = await self._lasting(masters.KINDS)
        raised = [
            one
            for master in found
            for one in masters.wrong_with(
                master, certificates.get(master.serial), now, self._started, limits, lasting
            )
        ]
        await self._store.settle_alarms(masters.KINDS, None, raised, now)
        await self._at_drops(found)
        await self._at_quarantine()
        await self._at_exchanges()
        await self._store.end_alarms(EVENTS, now - timedelta(days=limits.event_days), now)
        await self._store.clear_alarms_of_others([master.serial for master in found], now)

    async def at_disk(self) -> None:
        """Look how much of the disk is free."""
        limits, key = await self.limits(), AlarmKey(AlarmKind.DISK_FULL)
        try:
            usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
        except OSError:
            return
        percent = 100 * usage.free // max(1, usage.total)
        lasting = await self._lasting([AlarmKind.DISK_FULL])
        limit = limits.disk_percent + (DISK_GOOD if key in lasting else 0)
        values: dict[str, str | int] = {"percent": percent, "megabytes": usage.free // 1_000_000}
        raised = [Raised(key, Text(DISK, values))] if percent < limit else []
        await self._store.settle_alarms([AlarmKind.DISK_FULL], None, raised, self._now())

    async def at_firmware(self) -> None:
        """Look how long masters will take the newest release."""
        try:
            held = await asyncio.to_thread(Shelf(self._folder).releases)
        except FirmwareError:
            return
        now, raised = self._now(), []
        if held and held[0].expires - now < EXPIRES_SOON:
            key = AlarmKey(AlarmKind.RELEASE_EXPIRES, detail=held[0].shown)
            text = Text(EXPIRES, {"release": held[0].shown, "until": f"{held[0].expires:%Y-%m-%d}"})
            raised.append(Raised(key, text))
        await self._store.settle_alarms([AlarmKind.RELEASE_EXPIRES], None, raised, now)

    async def at_readings(self, master: Master) -> int:
        """Look at what came from a master and what did not, and fill gaps; say how many slots were filled."""
        # A gap that two look at would be asked for twice.
        async with self._filling:
            return await self._at_readings(master)

    async def fill_again(self, master: Master) -> int:
        """Try again now what was put off or given up, and look at the readings of a master; say how many slots were filled."""
        async with self._filling:
            await self._filler.begin_again(master.serial)
            return await self._at_readings(master)

    async def _at_readings(self, master: Master) -> int:
        now, limits = self._now(), await self.limits()
        until = now - SETTLE
        schedules = {one.schedule.id: one.schedule for one in await self._store.schedules()}
        found = await self._store.completeness(
            until - timedelta(days=limits.fill_days), until, serial=master.serial
        )
        is_silent = masters.is_silent(master, now, self._started, limits)
        filled = await self._filler.step(master, found, schedules, is_silent=is_silent)
        if not is_silent and not _is_behind(master, now):
            # Else the meters' readings may lie there: what was wrong stays so, nothing new is said.
            await self._at_meters(master, found, schedules, until, limits)
        return filled

    async def forget(self) -> None:
        """Forget what is over for long; end judgments of meters that are nowhere any more."""
        now, limits = self._now(), await self.limits()
        before = now - timedelta(days=limits.kept_days)
        while await self._store.forget_alarms(before, max(before, now - MESSAGES_KEPT)):
            pass
        lasting = [key for key in await self._lasting(JUDGMENTS) if key.meter is not None]
        gone = [key for key in lasting if await self._is_nowhere(key)]
        await self._store.note_alarms([], gone, now)

    async def _is_nowhere(self, key: AlarmKey) -> bool:
        assert key.meter is not None, "a judgment is about a meter"
        try:
            return (await self._store.meter(key.meter)).place is None
        except UnknownError:
            return True

    async def _at_meters(
        self,
        master: Master,
        found: Iterable[Completeness],
        schedules: Mapping[str, Schedule],
        until: datetime,
        limits: Limits,
    ) -> None:
        day = await self._store.completeness(until - DAY, until, serial=master.serial)
        lasting = await self._lasting([AlarmKind.INCOMPLETE], master.serial)
        raised = meters.silent_meters(master.serial, found, schedules, until, limits)
        raised += meters.incomplete(master.serial, day, limits, lasting)
        for gap, budget in meters.unread(day, schedules):
            if await read_on_day(self._store, gap.meter, gap.last) >= budget:
                raised.append(meters.budget_used_up(master.serial, gap, budget))
        await self._store.settle_alarms(meters.KINDS, master.serial, raised, self._now())

    async def _lasting(self, kinds: Iterable[AlarmKind], master: str | None = None) -> frozenset[AlarmKey]:
        chosen = AlarmFilter(is_open=True, kinds=frozenset(kinds), master=master)
        found: set[AlarmKey] = set()
        before: int | None = None
        while True:
            page = await self._store.alarms(chosen, before, _PAGE)
            found.update(alarm.key for alarm in page.alarms)
            before = page.before
            if before is None:
                return frozenset(found)

    async def _at_drops(self, found: Iterable[Master]) -> None:
        """Notice readings that masters gave up since the last look."""
        text = await self._store.read_note(_DROPS)
        known: dict[str, int] = {} if text is None else json.loads(text)
        counts = {one.serial: one.contact.outbox.dropped for one in found if one.contact is not None}
        raised = [masters.dropped(one, known.get(one.serial, 0)) for one in found]
        await self._store.note_alarms([one for one in raised if one is not None], [], self._now())
        counts = {serial: count for serial, count in counts.items() if count}
        if counts != known:
            await self._store.write_note(_DROPS, json.dumps(counts, sort_keys=True))

    async def _at_quarantine(self) -> None:
        text = await self._store.read_note(_QUARANTINE)
        since, seen = (datetime.fromtimestamp(0, UTC), set()) if text is None else _read_position(text)
        news = [one for one in await self._store.quarantined_since(since) if one.id not in seen]
        if not news:
            return
        raised = []
        for one in news:
            place = _place_of(one.body)
            key = AlarmKey(AlarmKind.WRONG_METER, one.master, None, place)
            raised.append(Raised(key, Text(WRONG, {"place": place, "reason": one.reason}), is_new=True))
        await self._store.note_alarms(raised, [], self._now())
        last = news[-1].received
        ids = {one.id for one in news if one.received == last} | (seen if last == since else set())
        await self._store.write_note(_QUARANTINE, json.dumps([last.isoformat(), sorted(ids)]))

    async def _at_exchanges(self) -> None:
        text = await self._store.read_note(_EXCHANGES)
        position = 0 if text is None else int(text)
        found, end = await self._store.exchanges(position)
        raised = [
            Raised(
                AlarmKey(AlarmKind.METER_EXCHANGED, one.place.master, one.meter),
                Text(
                    EXCHANGED,
                    {
                        "place": f"{one.place.master}, {one.place.bus}, {one.place.address}",
                        "after": one.identity,
                        "before": one.before,
                    },
                ),
                since=one.since,
                is_new=True,
            )
            for one in found
        ]
        await self._store.note_alarms(raised, [], self._now())
        if end != position:
            await self._store.write_note(_EXCHANGES, str(end))


def _is_behind(master: Master, now: datetime) -> bool:
    outbox = None if master.contact is None else master.contact.outbox
    if outbox is None or not outbox.waiting:
        return False
    return outbox.oldest is None or now - outbox.oldest > SETTLE


def _read_position(text: str) -> tuple[datetime, set[str]]:
    moment, ids = json.loads(text)
    return datetime.fromisoformat(moment), set(ids)


def _place_of(body: bytes) -> str:
    try:
        reading = Reading.model_validate_json(body)
    except ValidationError:
        return ""
    return f"{reading.bus}, {reading.meter}"
