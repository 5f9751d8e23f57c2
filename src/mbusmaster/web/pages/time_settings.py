"""Time settings: where the time comes from, one of three (guide 3.1.6)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.settings import SettingsError
from mbusmaster.system.clock import ClockRefusedError, TimeStatus
from mbusmaster.system.timetext import utc_text
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.clock_texts import belief_text, offset_text, status_text
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import tried
from mbusmaster.web.settings_form import problem_texts, save_settings
from mbusweb.forms import form_values
from mbusweb.locale import format_datetime, said
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to, page
from mbusweb.visitor import visitor

PATH: Final = "/configuration/time"
SOURCE: Final = "time.source"
SERVER: Final = "time.server"
MOMENTS: Final = {"pc": "pc_time", "manual": "manual_time"}
"""By source, the field of the form with the time that is to be set."""
YEARS: Final = range(2020, 2100)
"""Anything else is a slip of the hand, or a computer whose own clock is wrong."""
_LONGEST_MOMENT: Final = 40


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        values = await form_values(request)
        wanted: dict[str, str] = {path: values[path] for path in (SOURCE, SERVER) if path in values}
        source = values.get(SOURCE, "")
        typed = values.get(MOMENTS.get(source, ""), "")
        moment = _moment(typed)
        if typed and moment is None:
            problem = {MOMENTS[source]: _("This is no date and time of the years 2020 to 2099.")}
            return _page(request, services, values, problem)
        problems = await _store(request, services, wanted, quietly=moment is not None)
        if problems:
            return _page(request, services, values, problems)
        if moment is not None:
            await _set_clock(request, services, moment)
        elif source == "pc" and not services.clock.unavailable:
            text = _("This browser handed over no time: it needs JavaScript for that. Set the time manually.")
            flash(request, "warning", text)
        return go_to(request, PATH)

    return routes


async def _store(
    request: Request, services: Services, wanted: Mapping[str, str], *, quietly: bool
) -> dict[str, str]:
    """Store the settings.

    :param quietly: say nothing if none of them differs: something else happens.
    """
    try:
        unchanged = tried(services.settings.stored, wanted) == services.settings.stored
    except SettingsError as error:
        return problem_texts(error)
    return {} if unchanged and quietly else await save_settings(request, services, wanted, SOURCE, SERVER)


def _moment(text: str) -> datetime | None:
    """Read a moment; without a zone it is meant as UTC, as everywhere on the master."""
    if not text or len(text) > _LONGEST_MOMENT:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS else None


async def _set_clock(request: Request, services: Services, moment: datetime) -> None:
    who = visitor(request)
    try:
        change = await services.clock.set(moment)
    except ClockRefusedError as error:
        flash(request, "error", said(error.text))
        return
    except NotAvailableError as error:
        flash(request, "warning", _(str(error)))
        return
    detail = f"{utc_text(change.was)} → {utc_text(change.becomes)}"
    services.audit.record(AuditKind.CLOCK_SET, who=who.user, source=who.source, detail=detail)
    text = _("The clock was %(was)s (UTC) and is %(becomes)s now.")
    shown = {"was": format_datetime(change.was), "becomes": format_datetime(change.becomes)}
    flash(request, "success", text % shown)


def _page(
    request: Request,
    services: Services,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    stored = services.settings.stored
    problem = next((text for name, text in (problems or {}).items() if name in MOMENTS.values()), "")
    others = {name: text for name, text in (problems or {}).items() if name not in MOMENTS.values()}
    return page(
        request,
        "time_settings.html",
        status=422 if problems else 200,
        form=filled_form(stored, SOURCE, SERVER, given=given, problems=others),
        manual=(given or {}).get("manual_time", "")[:_LONGEST_MOMENT],
        moment_problem=problem,
        standard=stored.time.standard_server,
        now=services.now(),
        now_text=utc_text(services.now()),
        unavailable=services.clock.unavailable,
        **_of_server(services),
    )


def _of_server(services: Services) -> dict[str, object]:
    """Give what the page tells of the time server and of the clock."""
    state, belief = services.time.state, services.time.belief
    is_used = state.status is not TimeStatus.NOT_USED
    return {
        "server": state.server if is_used else "",
        "server_status": status_text(state.status),
        "offset": offset_text(state.offset),
        "reason": said(state.reason),
        "belief": belief_text(belief),
        "is_doubtful": belief.is_doubtful,
        "since": format_datetime(belief.since) if belief.since else "",
    }
