"""What people do with rollouts."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mbusheadend.firmware import Shelf
from mbusheadend.rollout.calling_back import call_back
from mbusheadend.rollout.errors import RolloutError
from mbusheadend.rollout.offers import Word, word
from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.rings import dealt
from mbusheadend.rollout.runner import alarm_of, calling
from mbusheadend.rollout.state import Member, MemberState, Reason, Rollout, RolloutState
from mbusheadend.rollout.step import called_back
from mbusheadend.store import ChangedError, Store
from mbusweb.texts import mark

NOT_HELD: Final = mark("There is no release %(release)s here that masters take: add it on the page Firmware.")
IN_ANOTHER: Final = mark("There is a rollout of release %(release)s already: finish or cancel that first.")
NO_ZONE: Final = mark("There is no time zone %(zone)s here.")
NOBODY: Final = mark("Ring %(ring)d has no master.")
NOT_NOW: Final = {
    RolloutState.DRAFT: mark("The rollout has not begun: this cannot be done now."),
    RolloutState.RUNNING: mark("The rollout is running: this cannot be done now."),
    RolloutState.PAUSED: mark("The rollout is paused: this cannot be done now."),
    RolloutState.STOPPED: mark("The rollout has stopped: this cannot be done now."),
    RolloutState.FINISHED: mark("The rollout is finished: this cannot be done any more."),
    RolloutState.CANCELLED: mark("The rollout was cancelled: this cannot be done any more."),
}
BY_HAND: Final = mark("Stopped by %(who)s.")
ONLY_NOTE: Final = "rollouts only"
_ATTEMPTS: Final = 5

_LEGAL: Final = {
    RolloutState.RUNNING: (RolloutState.DRAFT, RolloutState.PAUSED, RolloutState.STOPPED),
    RolloutState.PAUSED: (RolloutState.RUNNING,),
    RolloutState.STOPPED: (RolloutState.RUNNING, RolloutState.PAUSED),
    RolloutState.CANCELLED: (
        RolloutState.DRAFT,
        RolloutState.RUNNING,
        RolloutState.PAUSED,
        RolloutState.STOPPED,
    ),
}
"""From which states one comes to which."""


@dataclass(frozen=True, slots=True)
class RolloutDesk:
    """Makes rollouts and changes their state.

    :ivar look: tells the runner that there is something to do.
    """

    store: Store
    shelf: Shelf
    now: Callable[[], datetime]
    look: Callable[[], None] = lambda: None

    async def make(self, plan: Plan, who: str) -> Rollout:
        """Make a draft; from now on the release is offered to nobody else. Raise `RolloutError`."""
        await self._check(plan)
        rollout = Rollout(id=secrets.token_hex(5), plan=plan, added=self.now(), who=who)
        return await self.store.put_rollout(rollout)

    async def deal(self, plan: Plan, salt: str = "") -> tuple[Member, ...]:
        """Give which master would be in which ring. Raise `RolloutError` where a ring has none."""
        members = dealt(plan, await calling(self.store), salt, {})
        there = {one.ring for one in members}
        for number in range(len(plan.rings)):
            # A last ring for all may have nobody left; the first one is what is watched.
            if number not in there and (number == 0 or plan.rings[number].groups):
                raise RolloutError(NOBODY, ring=number + 1)
        return members

    async def start(self, id: str) -> Rollout:
        """Begin with the first ring. Raise `RolloutError`."""
        rollout = await self.store.rollout(id)
        if rollout.state is not RolloutState.DRAFT:
            raise RolloutError(NOT_NOW[rollout.state])
        await self._check(rollout.plan, rollout.id)
        members = await self.deal(rollout.plan, id)
        now = self.now()
        started = rollout.model_copy(update={"state": RolloutState.RUNNING, "began": now, "changed": now})
        put = await self.store.put_rollout(started, members)
        self.look()
        return put

    async def pause(self, id: str) -> Rollout:
        """Tell no more masters; those that were told go on. Raise `RolloutError`."""
        return await self._into(id, RolloutState.PAUSED)

    async def resume(self, id: str) -> Rollout:
        """Go on after a pause. Raise `RolloutError`."""
        rollout = await self._into(id, RolloutState.RUNNING, only=RolloutState.PAUSED)
        self.look()
        return rollout

    async def stop(self, id: str, who: str) -> Rollout:
        """Stop, and take back what was not begun. Raise `RolloutError`."""
        return await self._withdrawn(id, RolloutState.STOPPED, Reason.of(BY_HAND, who=who))

    async def cancel(self, id: str) -> Rollout:
        """End it for good; the release stays withheld from who has it not. Raise `RolloutError`."""
        return await self._withdrawn(id, RolloutState.CANCELLED, None)

    async def go_on(self, id: str, *, retry: bool) -> Rollout:
        """Go on after a stop: what is wrong with masters does not count any more. Raise `RolloutError`.

        :param retry: tell those again that refused or were late.
        """
        for _ in range(_ATTEMPTS):
            rollout = await self.store.rollout(id)
            if rollout.state is not RolloutState.STOPPED:
                raise RolloutError(NOT_NOW[rollout.state])
            await self._check(rollout.plan, rollout.id)
            members = await self.store.rollout_members(id, rollout.ring)
            changed = [_excused(one, retry=retry) for one in members if one.ring == rollout.ring]
            running = rollout.model_copy(
                update={
                    "state": RolloutState.RUNNING,
                    "reason": Reason(),
                    "soaking": None,
                    "changed": self.now(),
                }
            )
            try:
                put = await self.store.put_rollout(running, changed)
            except ChangedError:
                continue
            await self.store.note_alarms((), [alarm_of(put)], self.now())
            self.look()
            return put
        raise ChangedError("somebody else changes this rollout again and again")

    async def delete(self, id: str) -> None:
        """Forget one that has not begun or is over: its release is offered as if it had not been. Raise `RolloutError`."""
        rollout = await self.store.rollout(id)
        if not (rollout.state.is_over or rollout.state is RolloutState.DRAFT):
            raise RolloutError(NOT_NOW[rollout.state])
        await self.store.delete_rollout(id)

    async def rollouts_only(self) -> bool:
        """Tell whether nothing is offered but by rollouts."""
        return await self.store.read_note(ONLY_NOTE) == "on"

    async def set_rollouts_only(self, *, on: bool) -> None:
        """Offer nothing but by rollouts, or offer also what is in none."""
        await self.store.write_note(ONLY_NOTE, "on" if on else "off")

    async def word_for(self, serial: str) -> Word:
        """Say what rollouts decide for a master."""
        return word(await self.store.standings(serial), rollouts_only=await self.rollouts_only())

    async def words(self) -> Callable[[str], Word]:
        """Give what says that for each master, for lists of many."""
        of_rollouts, of_masters = await self.store.all_standings()
        only = await self.rollouts_only()

        def say(serial: str) -> Word:
            mine = of_masters.get(serial, {})
            standings = [one._replace(member=mine.get(id)) for id, one in of_rollouts.items()]
            return word(standings, rollouts_only=only)

        return say

    async def _check(self, plan: Plan, id: str = "") -> None:
        now = self.now()
        held = await asyncio.to_thread(self.shelf.releases)
        if not any(one.number == plan.release and not one.is_expired(now) for one in held):
            raise RolloutError(NOT_HELD, release=plan.shown)
        for other in await self.store.rollouts():
            if other.id != id and other.plan.release == plan.release and not other.state.is_over:
                raise RolloutError(IN_ANOTHER, release=plan.shown)
        try:
            ZoneInfo(plan.hours.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise RolloutError(NO_ZONE, zone=plan.hours.zone) from None

    async def _into(self, id: str, state: RolloutState, *, only: RolloutState | None = None) -> Rollout:
        return await self._changed(id, state, only=only)

    async def _withdrawn(self, id: str, state: RolloutState, reason: Reason | None) -> Rollout:
        rollout = await self._changed(id, state, reason=reason)
        if state is RolloutState.CANCELLED:
            await self.store.note_alarms((), [alarm_of(rollout)], self.now())
        return rollout

    async def _changed(
        self, id: str, state: RolloutState, *, only: RolloutState | None = None, reason: Reason | None = None
    ) -> Rollout:
        """Bring it into a state; whoever changes it in the same moment is waited for."""
        for _ in range(_ATTEMPTS):
            rollout = await self.store.rollout(id)
            legal = (only,) if only is not None else _LEGAL[state]
            if rollout.state not in legal:
                raise RolloutError(NOT_NOW[rollout.state])
            told: tuple[Member, ...] = ()
            after: dict[str, Member] = {}
            if state in (RolloutState.STOPPED, RolloutState.CANCELLED):
                asked = await self.store.rollout_members(id, None, [MemberState.ASKED])
                told, after = called_back({one.serial: one for one in asked})
            news = {"state": state, "changed": self.now(), "reason": reason or rollout.reason}
            try:
                put = await self.store.put_rollout(rollout.model_copy(update=news), after.values())
            except ChangedError:
                continue
            await call_back(self.store, id, told, self.now())
            return put
        raise ChangedError("somebody else changes this rollout again and again")


def _excused(member: Member, *, retry: bool) -> Member:
    if retry and member.state in (MemberState.REFUSED, MemberState.LATE):
        return member.model_copy(
            update={"state": MemberState.WAITING, "is_told": False, "first_asked": None, "detail": ""}
        )
    if member.state is MemberState.WAITING:
        return member.model_copy(update={"first_asked": None})
    return member.model_copy(update={"is_excused": True})
