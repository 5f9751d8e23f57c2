"""Rollouts: which there are, and one of them ring by ring, live."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.rollout.state import MemberState, Rollout
from mbusheadend.web.door import READER
from mbusheadend.web.rollout_texts import detail_of, hours_text, member_sign, now_text, ring_text, state_sign
from mbusheadend.web.services import Services
from mbusweb.events import Event, event_stream
from mbusweb.guard import Asking
from mbusweb.locale import said
from mbusweb.paging import paged
from mbusweb.render import page, renderer_of
from mbusweb.visitor import Visitor

DOOR: Final = READER
PATH: Final = "/rollouts"
ROLLOUT: Final = f"{PATH}/{{id}}"
EVENTS: Final = f"{ROLLOUT}/events"
PAGE: Final = 100
LOOK_EVERY: Final = 3
"""Seconds between two looks at a rollout that is watched."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        rows = []
        for one in await services.store.rollouts():
            counts = await services.store.count_members(one.id)
            done = sum(count for (_, state), count in counts.items() if state is MemberState.UPDATED)
            rows.append(
                {"rollout": one, "sign": state_sign(one.state), "done": done, "of": sum(counts.values())}
            )
        only = await services.rollouts.rollouts_only()
        return page(request, "rollouts.html", rows=rows, rollouts_only=only)

    @routes.get(ROLLOUT)
    async def one(request: Request, id: str, who: Asking, number: str = "", state: str = "") -> Response:
        rollout = await services.store.rollout(id)
        chosen = [MemberState(state)] if state in set(MemberState) else []
        members = await services.store.rollout_members(id, None, chosen)
        names = {one.serial: one.name for one in await services.store.masters()}
        shown = paged(members, number, PAGE)
        return page(
            request,
            "rollout.html",
            members=shown,
            rows=[
                (one, names.get(one.serial, ""), member_sign(one.state), *detail_of(one))
                for one in shown.rows
            ],
            state=state,
            states=[("", ""), *((str(one), member_sign(one).text) for one in MemberState)],
            **await _shown(services, who, rollout),
        )

    @routes.get(EVENTS)
    async def events(request: Request, id: str, who: Asking) -> Response:
        await services.store.rollout(id)
        return event_stream(request, _changes(request, services, who, id))

    return routes


async def _shown(services: Services, who: Visitor, rollout: Rollout) -> dict[str, Any]:
    counts = await services.store.count_members(rollout.id)
    rings = []
    for number, ring in enumerate(rollout.plan.rings):
        of_ring = {state: counts.get((number, state), 0) for state in MemberState}
        rings.append(
            {
                "name": ring.name,
                "text": ring_text(ring),
                "is_now": number == rollout.ring and not rollout.state.is_over,
                "of": sum(of_ring.values()),
                "done": of_ring[MemberState.UPDATED],
                "counts": [(member_sign(state), count) for state, count in of_ring.items() if count],
            }
        )
    return {
        "visitor": who,
        "rollout": rollout,
        "sign": state_sign(rollout.state),
        "rings": rings,
        "hours": hours_text(rollout.plan.hours),
        "now_text": now_text(rollout, services.now()),
        "reason": said(rollout.reason.text) if rollout.reason.template else "",
    }


async def _changes(request: Request, services: Services, who: Visitor, id: str) -> AsyncGenerator[Event]:
    """Give the rings whenever they have changed, until it is over."""
    render = renderer_of(request).fragment
    before, ticks = "", 0
    async for _tick in request.app.state.streams.seconds():
        ticks += 1
        if ticks % LOOK_EVERY != 1:
            continue
        rollout = await services.store.rollout(id)
        now = render("parts/rollout_live.html", **await _shown(services, who, rollout))
        if now != before:
            before = now
            yield Event("live", now)
        if rollout.state.is_over:
            yield Event("over", "over")
            return
