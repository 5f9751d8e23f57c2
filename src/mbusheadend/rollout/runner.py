"""Does the steps of rollouts: one process at a time, every half minute, from what is stored; it may be broken off anywhere."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from mbusheadend.alarms.alarm import AlarmFilter, AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind
from mbusheadend.firmware import Shelf
from mbusheadend.rollout.calling_back import call_back
from mbusheadend.rollout.health import Seen, Shares
from mbusheadend.rollout.plan import Gate
from mbusheadend.rollout.rings import dealt
from mbusheadend.rollout.state import Member, MemberState, Rollout, RolloutState
from mbusheadend.rollout.step import Facts, Step, step, wants_shares
from mbusheadend.store import ChangedError, Store, UnknownError
from mbusheadend.waits import first
from mbushosting.contact import Command, CommandKind
from mbushosting.firmware import UpdateOrder
from mbushosting.fleet_settings import Willing
from mbusweb.texts import Text, mark

LOOK_SECONDS: Final = 30.0
DEAL_SECONDS: Final = 600.0
"""Between two looks at masters that are new."""
MOST_COUNTED: Final = 100
"""Masters of a ring whose readings are counted."""
LEAST_SPAN: Final = timedelta(hours=1)
LONGEST_SPAN: Final = timedelta(days=7)
SETTLING: Final = timedelta(minutes=15)
"""Readings of that time may still be on their way."""
KEPT: Final = timedelta(days=365)
"""For what became of settings of many masters."""
_PAGE: Final = 500
_MOST_PAGES: Final = 20
STOPPED: Final = mark("The rollout of release %(release)s has stopped by itself in ring %(ring)d.")

_log = logging.getLogger(__name__)


class RolloutRunner:
    """Goes on with the rollouts of one store."""

    def __init__(self, store: Store, shelf: Shelf, now: Callable[[], datetime]) -> None:
        self._store = store
        self._shelf = shelf
        self._now = now
        self._wake = asyncio.Event()
        self._dealt: dict[str, float] = {}

    def look(self) -> None:
        """Somebody has started a rollout, or has changed one."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            async with self._store.lease("rollout") as lease:
                if lease:
                    await self._store.forget_fleet_settings(self._now() - KEPT)
                while lease:
                    self._wake.clear()
                    await self.tick()
                    await first(LOOK_SECONDS, self._wake, lease.lost)
            await asyncio.sleep(LOOK_SECONDS)

    async def tick(self) -> None:
        """Go on with every rollout that runs."""
        for rollout in await self._store.rollouts():
            if rollout.state is not RolloutState.RUNNING:
                continue
            try:
                await self._go_on(rollout)
            except ChangedError:
                # Somebody has paused it in this moment: what that means is seen at the next look.
                _log.info("rollout %s was changed by somebody else", rollout.id)

    async def _go_on(self, rollout: Rollout) -> None:
        rollout = await self._with_new_masters(rollout)
        members = await self._store.rollout_members(rollout.id, rollout.ring)
        facts = await self._facts(rollout, members)
        done = step(rollout, members, facts)
        if done.rollout is not rollout or done.members:
            rollout = await self._store.put_rollout(done.rollout, done.members)
        if done.asks:
            await self._tell(rollout, done.asks, facts.seen)
        await call_back(self._store, rollout.id, done.withdrawn, facts.now)
        if rollout.state is not RolloutState.RUNNING:
            await self._ended(rollout, done, facts.now)

    async def _with_new_masters(self, rollout: Rollout) -> Rollout:
        seconds = asyncio.get_running_loop().time()
        if seconds - self._dealt.get(rollout.id, -DEAL_SECONDS) < DEAL_SECONDS:
            return rollout
        self._dealt[rollout.id] = seconds
        known = {one.serial: one for one in await self._store.rollout_members(rollout.id)}
        new = dealt(rollout.plan, await calling(self._store), rollout.id, known)
        return await self._store.put_rollout(rollout, new) if new else rollout

    async def _facts(self, rollout: Rollout, members: Iterable[Member]) -> Facts:
        now = self._now()
        held = await asyncio.to_thread(self._shelf.releases)
        return Facts(
            now,
            any(one.number == rollout.plan.release and not one.is_expired(now) for one in held),
            await self._store.seen_of_rollout(rollout),
            await self._alarmed(rollout.plan.gate, rollout.began or now),
            await self._shares(rollout, members, now) if wants_shares(rollout, now) else None,
        )

    async def _tell(self, rollout: Rollout, asks: Iterable[Member], seen: Mapping[str, Seen]) -> None:
        told = []
        for one in asks:
            order = UpdateOrder(release=rollout.plan.release, at_once=rollout.plan.at_once)
            command = Command(
                id=one.command_of(rollout.id), kind=CommandKind.UPDATE, update=order, expires=one.expires
            )
            # One that is older than such orders finds the release by itself, and would not understand.
            if seen[one.serial].willing == Willing.ON:
                try:
                    await self._store.add_command(one.serial, command, self._now())
                except UnknownError:
                    continue
            told.append(one.model_copy(update={"is_told": True}))
        await self._store.put_rollout(rollout, told)

    async def _ended(self, rollout: Rollout, done: Step, now: datetime) -> None:
        if rollout.state is RolloutState.STOPPED:
            _log.warning("rollout %s has stopped: %s", rollout.id, rollout.reason.text)
            values: dict[str, str | int] = {"release": rollout.plan.shown, "ring": rollout.ring + 1}
            await self._store.note_alarms([Raised(alarm_of(rollout), Text(STOPPED, values))], (), now)

    async def _alarmed(self, gate: Gate, since: datetime) -> Mapping[str, datetime]:
        """Give when the newest open alarm of a master began, of those that count."""
        if gate.alarm_severity is None:
            return {}
        chosen = AlarmFilter(is_open=True, kinds=gate.alarm_kinds, severity=gate.alarm_severity)
        found: dict[str, datetime] = {}
        before: int | None = None
        for _ in range(_MOST_PAGES):
            page = await self._store.alarms(chosen, before, _PAGE)
            for alarm in page.alarms:
                master = alarm.key.master
                found[master] = max(alarm.first, found.get(master, alarm.first))
            before = page.before
            if before is None or (page.alarms and page.alarms[-1].first < since):
                break
        return found

    async def _shares(self, rollout: Rollout, members: Iterable[Member], now: datetime) -> Shares | None:
        """Count readings of the ring in equal times before and after the update."""
        if rollout.plan.gate.completeness_points is None:
            return None
        counts = [0, 0, 0, 0]
        updated = [one for one in members if one.ring == rollout.ring and one.state is MemberState.UPDATED]
        for one in updated[:MOST_COUNTED]:
            if one.updated is None or one.first_asked is None:
                continue
            span = min(now - SETTLING - one.updated, LONGEST_SPAN)
            if span < LEAST_SPAN:
                continue
            for place, since in ((0, one.first_asked - span), (2, one.updated)):
                found = await self._store.completeness(since, since + span, serial=one.serial)
                counts[place] += sum(meter.expected for meter in found)
                counts[place + 1] += sum(meter.received for meter in found)
        if not (counts[0] and counts[2]):
            return None
        return Shares(counts[1] / counts[0], counts[3] / counts[2])


def alarm_of(rollout: Rollout) -> AlarmKey:
    """Give the alarm that says that a rollout has stopped."""
    return AlarmKey(AlarmKind.ROLLOUT_STOPPED, detail=rollout.id)


async def calling(store: Store) -> dict[str, frozenset[str]]:
    """Give the masters that call, with their groups."""
    return {one.serial: one.groups for one in await store.masters() if one.local is None}
