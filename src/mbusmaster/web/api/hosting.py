"""Hosted reading: how it goes, and the head-end that takes this master in."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from mbusmaster.hosting.credentials import CredentialsError
from mbusmaster.hosting.errors import NotHereError, SaidError
from mbusmaster.hosting.link_errors import HeadEndOverloadedError, HeadEndUnreachableError
from mbusmaster.hosting.state import HostedState, OperationalStatus, Planned, Standing
from mbusmaster.web.actions import hosting as actions
from mbusmaster.web.hosting_view import rule_text
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import STREAM, Answer, Given, Switch, event, stream
from mbusweb.api.problems import declared, problem
from mbusweb.events import Event
from mbusweb.locale import said


class KeptReadings(Answer):
    """Readings that wait for the head-end, that are kept as history, and that were given up for lack of room."""

    waiting: int
    kept: int
    dropped: int


class ReadingSchedule(Answer):
    """A schedule in force; `meters` 0 is all of the meter list, `rule` says when in words."""

    id: str
    title: str
    rule: str
    meters: int
    missed: str
    application_reset: bool
    silent_at_end: bool
    remembered_rate: bool
    budget: int | None
    next: datetime | None
    reading: bool


class Round(Answer):
    """A round that has ended; `is_command` is one that the head-end wanted once."""

    id: str
    title: str
    slot: datetime
    ended: datetime
    asked: int
    answered: int
    is_command: bool
    resets: int


class Tunnel(Answer):
    """Somebody who reads a bus by way of the head-end; who, from where and why is the head-end's word."""

    id: str
    who: str
    source: str
    bus: str
    reason: str
    since: datetime


class Hosting(Answer):
    """How hosted reading goes; `readings` is null where nobody has looked since the gateway started."""

    operational_status: OperationalStatus
    on: bool
    standing: Standing
    head_end: str
    serial_number: str
    certificate_until: datetime | None
    reached: bool
    reason: str
    last_contact: datetime | None
    readings: KeptReadings | None
    alarms: tuple[str, ...]
    schedules: tuple[ReadingSchedule, ...]
    rounds: tuple[Round, ...]
    tunnels: tuple[Tunnel, ...]


class Enrolment(Given):
    """Where the head-end is, and its token; hosting is switched on afterwards unless `switch_on` is false."""

    url: Annotated[str, Field(max_length=actions.LONGEST_URL)]
    token: Annotated[str, Field(max_length=actions.LONGEST_TOKEN)]
    switch_on: Switch = True


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["hosting"])

    @routes.get("/hosting")
    async def get_hosting() -> Hosting:
        """Tell how hosted reading goes."""
        return _hosting(services.hosted.state)

    @routes.get("/hosting/events", response_class=Response, responses={**STREAM, **declared(503)})
    async def watch_hosting(request: Request, calling: Calling) -> Response:
        """Tell how hosted reading goes now and whenever that changes: events `hosting`."""
        return stream(request, calling, _changes(request, services))

    @routes.post("/hosting/enrolment", response_model=Hosting, responses=declared(409, 501, 503))
    async def enrol(given: Enrolment, calling: Calling) -> Hosting | Response:
        """Let a head-end take this master in, in the place of one that there was; the token works once."""
        try:
            await actions.enrol(services, calling, given.url, given.token, switch_on=given.switch_on)
        except SaidError as error:
            return _refusal(error)
        return _hosting(services.hosted.state)

    @routes.delete(
        "/hosting/enrolment", status_code=204, response_class=Response, responses=declared(404, 501, 503)
    )
    async def leave(calling: Calling) -> Response:
        """Forget the head-end, key and certificate: no schedule runs any more, readings stay."""
        try:
            return Response(status_code=204) if await actions.leave(services, calling) else problem(404)
        except SaidError as error:
            return _refusal(error)

    @routes.delete("/hosting/tunnels/{id}", status_code=204, response_class=Response, responses=declared(404))
    async def end_tunnel(id: str, calling: Calling) -> Response:
        """End a tunnel."""
        return Response(status_code=204) if actions.end_tunnel(services, calling, id) else problem(404)

    return routes


async def _changes(request: Request, services: Services) -> AsyncGenerator[Event]:
    sent: Hosting | None = None
    async for _tick in request.app.state.streams.seconds():
        now = _hosting(services.hosted.state)
        if now != sent:
            sent = now
            yield event("hosting", now)


def _refusal(error: SaidError) -> Response:
    text = said(error.text)
    if error.field:
        return problem(422, text, errors={error.field: text})
    match error:
        case NotHereError():
            return problem(501, text)
        case HeadEndUnreachableError() | HeadEndOverloadedError() | CredentialsError():
            return problem(503, text)
    return problem(409, text)


def _hosting(state: HostedState) -> Hosting:
    enrolment, work = state.enrolment, state.work
    return Hosting(
        operational_status=state.status,
        on=work.on,
        standing=enrolment.standing,
        head_end=enrolment.place,
        serial_number=enrolment.serial_number,
        certificate_until=enrolment.expires,
        reached=work.reached,
        reason=said(work.reason),
        last_contact=work.last_contact,
        readings=None if work.readings is None else KeptReadings.of(work.readings),
        alarms=tuple(said(text) for text in work.alarms),
        schedules=tuple(_schedule(plan) for plan in work.plans),
        rounds=tuple(Round.of(done) for done in work.rounds),
        tunnels=tuple(Tunnel.of(one) for one in work.tunnels),
    )


def _schedule(plan: Planned) -> ReadingSchedule:
    schedule = plan.schedule
    facts: dict[str, Any] = {
        name: getattr(schedule, name)
        for name in ("id", "title", "application_reset", "silent_at_end", "remembered_rate", "budget")
    }
    return ReadingSchedule(
        rule=rule_text(schedule),
        meters=len(schedule.meters),
        missed=str(schedule.missed),
        next=plan.next,
        reading=plan.slot is not None,
        **facts,
    )
