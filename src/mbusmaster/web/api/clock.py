"""The clock, and the server by which it is kept right."""

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.system.clock import ClockQuality, ClockRefusedError, TimeStatus
from mbusmaster.system.timetext import utc_text
from mbusmaster.web.pages.time_settings import YEARS
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given, Moment
from mbusweb.api.problems import declared, problem
from mbusweb.locale import gettext as _
from mbusweb.locale import said


class Clock(Answer):
    """The clock; `offset` is seconds ahead of the server, `unavailable` says why it cannot be set here, if so.

    `right_since` is when it was last known to be right: synchronised, or set; `doubt` says why it is doubtful.
    """

    time: datetime
    server_status: TimeStatus
    server: str
    offset: float | None
    reason: str
    quality: ClockQuality
    right_since: datetime | None
    doubt: str
    unavailable: str


class ClockGiven(Given):
    """What the time is."""

    time: Moment


class ClockSet(Answer):
    """The clock was set."""

    was: datetime
    becomes: datetime


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/clock")
    async def get_clock() -> Clock:
        """Tell the time and where it comes from."""
        state, belief = services.time.state, services.time.belief
        return Clock(
            time=services.now(),
            server_status=state.status,
            server=state.server,
            offset=state.offset,
            reason=str(state.reason),
            quality=belief.quality,
            right_since=belief.since,
            doubt=str(belief.reason),
            unavailable=services.clock.unavailable,
        )

    @routes.put("/clock", response_model=ClockSet, responses=declared(501))
    async def set_clock(given: ClockGiven, calling: Calling) -> ClockSet | Response:
        """Set the clock; where it comes from is a setting."""
        if given.time.year not in YEARS:
            text = _("This is no date and time of the years 2020 to 2099.")
            return problem(422, text, errors={"time": text})
        try:
            change = await services.clock.set(given.time)
        except ClockRefusedError as error:
            text = said(error.text)
            return problem(422, text, errors={"time": text})
        detail = f"{utc_text(change.was)} → {utc_text(change.becomes)}"
        services.audit.record(AuditKind.CLOCK_SET, who=calling.user, source=calling.source, detail=detail)
        return ClockSet.of(change)

    return routes
