"""Rollouts of releases, and what settings of the fleet came to at each master."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query

from mbusheadend.fleet.settings_desk import AtMaster, Progress
from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.rollout.plan import Plan
from mbusheadend.rollout.state import Member, MemberState, Rollout, RolloutState
from mbusheadend.web.door import READER
from mbusheadend.web.rollout_texts import now_text
from mbusheadend.web.services import Services
from mbushosting.fleet_settings import SettingsAnswer
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared
from mbusweb.locale import said

DOOR: Final = READER


class RingCount(Answer):
    """So many masters of a ring, counted from 1, are in a state."""

    ring: int
    state: MemberState
    masters: int


class RolloutRow(Answer):
    """A rollout. `words` say what it does, `reason` why it stopped, in the language of the caller."""

    id: str
    plan: Plan
    state: RolloutState
    added: datetime
    who: str
    ring: int
    began: datetime | None
    watched_until: datetime | None
    words: str
    reason: str
    counts: list[RingCount]


class MemberRow(Answer):
    """A master in a rollout; `detail` in the master's words."""

    serial: str
    ring: int
    state: MemberState
    attempt: int
    asked: datetime | None
    updated: datetime | None
    restarts: int
    detail: str

    @classmethod
    def of_member(cls, one: Member) -> Self:
        """Write it."""
        return cls.of(one.model_copy(update={"ring": one.ring + 1}))


class Rollouts(Answer):
    """All, the newest first; whether releases come by rollouts only."""

    rollouts_only: bool
    rollouts: list[RolloutRow]


class SettingsAtMaster(Answer):
    """What an order comes to at a master."""

    serial: str
    progress: Progress
    answer: SettingsAnswer | None
    detail: str


class SettingsRow(Answer):
    """Settings for many masters."""

    id: str
    title: str
    values: dict[str, Any]
    restart: bool
    who: str
    made: datetime
    masters: list[SettingsAtMaster]


async def rollout_row(services: Services, one: Rollout) -> RolloutRow:
    """Write a rollout."""
    counts = await services.store.count_members(one.id)
    return RolloutRow(
        id=one.id,
        plan=one.plan,
        state=one.state,
        added=one.added,
        who=one.who,
        ring=one.ring + 1,
        began=one.began,
        watched_until=one.soak_ends,
        words=now_text(one, services.now()),
        reason=said(one.reason.text) if one.reason.template else "",
        counts=[
            RingCount(ring=ring + 1, state=state, masters=count)
            for (ring, state), count in sorted(counts.items())
        ],
    )


async def settings_row(services: Services, order: SettingsForFleet) -> SettingsRow:
    """Write an order, and how far it is."""
    found: tuple[AtMaster, ...] = await services.fleet_settings.progress(order)
    return SettingsRow(
        **order.model_dump(exclude={"masters"}), masters=[SettingsAtMaster.of(one) for one in found]
    )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.get("/rollouts", responses=declared(503))
    async def get_rollouts() -> Rollouts:
        """Give all rollouts."""
        found = [await rollout_row(services, one) for one in await services.store.rollouts()]
        return Rollouts(rollouts_only=await services.rollouts.rollouts_only(), rollouts=found)

    @routes.get("/rollouts/{id}", responses=declared(404, 503))
    async def get_rollout(id: str) -> RolloutRow:
        """Give one."""
        return await rollout_row(services, await services.store.rollout(id))

    @routes.get("/rollouts/{id}/masters", responses=declared(404, 503))
    async def get_rollout_masters(
        id: str,
        state: MemberState | None = None,
        skip: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> list[MemberRow]:
        """Give its masters by ring and serial number, from the one after `skip` on."""
        await services.store.rollout(id)
        found = await services.store.rollout_members(id, None, [] if state is None else [state])
        return [MemberRow.of_member(one) for one in found[skip : skip + limit]]

    @routes.get("/fleet-settings/{id}", responses=declared(404, 503))
    async def get_fleet_settings(id: str) -> SettingsRow:
        """Tell what settings of many masters came to: what each says would change, or has changed."""
        return await settings_row(services, await services.store.fleet_settings(id))

    return routes
