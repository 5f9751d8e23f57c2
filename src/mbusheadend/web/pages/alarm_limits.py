"""From when on something is an alarm."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from mbusheadend.watch.limits import Limits
from mbusheadend.web.door import ADMIN
from mbusheadend.web.notification_deeds import save_limits
from mbusheadend.web.pages.alarm_rules import PATH
from mbusheadend.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to, page

DOOR: Final = ADMIN
LIMITS: Final = f"{PATH}/limits"
_LONGEST: Final = 12


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(LIMITS)
    async def show(request: Request) -> Response:
        limits = await services.watcher.look.limits()
        return _page(request, {name: str(value) for name, value in limits.model_dump().items()}, {})

    @routes.post(LIMITS)
    async def save(request: Request, who: Asking) -> Response:
        sent = await form_values(request)
        values = {name: sent.get(name, "").strip()[:_LONGEST] for name in Limits.model_fields}
        try:
            limits = Limits.model_validate(values)
        except ValidationError as error:
            wrong = {str(one["loc"][0]) for one in error.errors(include_input=False, include_url=False)}
            return _page(request, values, {name: _range(name) for name in wrong})
        await save_limits(services, who, limits)
        flash(request, "success", _("Saved; it counts from the next look on, in a few minutes."))
        return go_to(request, LIMITS)

    return routes


def _page(request: Request, values: Mapping[str, str], problems: Mapping[str, str]) -> Response:
    fields = [
        (
            name,
            text,
            values.get(name, ""),
            *_bounds(name),
            problems.get(name, ""),
            str(Limits.model_fields[name].default),
        )
        for name, text in _texts().items()
    ]
    return page(request, "alarm_limits.html", status=422 if problems else 200, fields=fields)


def _texts() -> dict[str, str]:
    return {
        "silent_minutes": _("Minutes without a call after which a master is silent"),
        "silent_slots": _("Readings in a row that a meter may miss"),
        "complete_percent": _("Percent of a day's readings of a master that must come"),
        "certificate_days": _("Days before a certificate lapses"),
        "clock_seconds": _("Seconds that a master's clock may be off"),
        "disk_percent": _("Percent of the head-end's disk that must be free"),
        "event_days": _("Days after which what happened once is over"),
        "kept_days": _("Days for which alarms that are over are kept"),
        "fill_days": _("Days back for which gaps are filled"),
    }


def _bounds(name: str) -> tuple[int, int]:
    described = Limits.model_json_schema()["properties"][name]
    return described["minimum"], described["maximum"]


def _range(name: str) -> str:
    least, most = _bounds(name)
    return _("Give a whole number from %(least)d to %(most)d.") % {"least": least, "most": most}
