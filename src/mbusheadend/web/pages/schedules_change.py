"""What operators do to schedules: make, change, switch on and off, delete; with a look ahead at what they would do."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.fleet.schedule_form import ScheduleForm, ScheduleFormError, form_of, rule_of
from mbusheadend.fleet.schedule_words import clock_changes, next_slots, rule_text, weekday_names
from mbusheadend.store import ChangedError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import delete_schedule, find_schedule, put_schedule, switch_schedule
from mbusheadend.web.pages.schedules import PATH
from mbusheadend.web.reading_choice import machine_zone, zones
from mbusheadend.web.services import Services
from mbushosting.schedules import Missed
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, fragment, go_to, page

DOOR: Final = OPERATOR
NEW: Final = f"{PATH}/new"
PREVIEW: Final = f"{PATH}/preview"
SCHEDULE: Final = f"{PATH}/{{id}}"
EDIT: Final = f"{SCHEDULE}/edit"
DELETE: Final = f"{SCHEDULE}/delete"
MOST_BOXES: Final = 30
"""Masters for which there is a box each; of more, people write the serial numbers."""


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.get(NEW)
    async def new(request: Request) -> Response:
        return await _form(request, services, ScheduleForm(zone=machine_zone(), everybody=True))

    @routes.get(EDIT)
    async def edit(request: Request, id: str) -> Response:
        form = await form_of(services.desk, await find_schedule(services, id))
        return await _form(request, services, form)

    @routes.post(PATH)
    async def save(request: Request, who: Asking) -> Response:
        form = ScheduleForm.read(await _values(request))
        try:
            stored = await put_schedule(services, who, form)
        except ScheduleFormError as error:
            return await _form(request, services, error.form)
        flash(
            request,
            "success",
            _("“%(title)s” is saved; masters follow it as soon as they call.")
            % {"title": stored.schedule.title},
        )
        return go_to(request, PATH)

    @routes.post(PREVIEW)
    async def preview(request: Request) -> Response:
        form = ScheduleForm.read(await _values(request))
        if request.headers.get("hx-request"):
            return fragment(request, "parts/schedule_preview.html", **_preview(services, form))
        return await _form(request, services, form)

    _add_rest(routes, services)
    return routes


def _add_rest(routes: APIRouter, services: Services) -> None:
    @routes.post(f"{SCHEDULE}/switch")
    async def switch(request: Request, id: str, who: Asking) -> Response:
        on = (await form_values(request)).get("on") == "true"
        try:
            stored = await switch_schedule(services, who, id, on=on)
        except ChangedError:
            flash(request, "error", _("Somebody else has changed this schedule meanwhile."))
            return go_to(request, PATH)
        text = _("“%(title)s” is on.") if on else _("“%(title)s” is off.")
        flash(request, "success", text % {"title": stored.schedule.title or id})
        return go_to(request, PATH)

    @routes.get(DELETE)
    async def ask_delete(request: Request, id: str) -> Response:
        schedule = (await find_schedule(services, id)).schedule
        return ask(
            request,
            title=_("Delete this schedule?"),
            question=_(
                "“%(title)s” reads nothing any more; what it has read stays. To pause it, switch it off instead."
            )
            % {"title": schedule.title or id},
            yes=_("Delete"),
            path_yes=DELETE.format(id=id),
            path_no=PATH,
        )

    @routes.post(DELETE)
    async def delete(request: Request, id: str, who: Asking) -> Response:
        await delete_schedule(services, who, id)
        flash(request, "success", _("The schedule is deleted."))
        return go_to(request, PATH)


async def _values(request: Request) -> dict[str, Sequence[str]]:
    async with request.form() as form:
        return {name: [value for value in form.getlist(name) if isinstance(value, str)] for name in form}


async def _form(request: Request, services: Services, form: ScheduleForm) -> Response:
    calling = [master for master in await services.store.masters() if master.local is None]
    return page(
        request,
        "schedule_form.html",
        status=422 if form.problems else 200,
        form=form,
        zones=zones(),
        weekdays=list(enumerate(weekday_names(), 1)),
        units=[("minutes", _("Minutes")), ("hours", _("Hours")), ("days", _("Days"))],
        missed=[
            (Missed.MAKE_UP.value, _("Make up the newest as soon as possible")),
            (Missed.SKIP.value, _("Skip them")),
        ],
        groups=_pairs(await services.store.groups(GroupKind.MASTERS), form.groups),
        meter_groups=_pairs(await services.store.groups(GroupKind.METERS), form.meter_groups),
        masters=[(one.serial, one.name or one.serial) for one in calling]
        if len(calling) <= MOST_BOXES
        else [],
        **_preview(services, form),
    )


def _pairs(there: Iterable[str], chosen: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in sorted({*there, *chosen})]


def _preview(services: Services, form: ScheduleForm) -> dict[str, Any]:
    now = services.now()
    try:
        rule = rule_of(form)
    except ScheduleFormError as error:
        return {"when": "", "slots": (), "changes": (), "troubles": list(error.form.problems.values())}
    return {
        "when": rule_text(rule),
        "slots": next_slots(rule, now),
        "changes": clock_changes(rule, now),
        "troubles": [],
    }
