"""What administrators do to rollouts: make, start, go on after a stop, end."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.firmware import FirmwareError
from mbusheadend.rollout.errors import RolloutError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import ADMIN
from mbusheadend.web.pages.rollouts import PATH, ROLLOUT
from mbusheadend.web.pages.rollouts_brake import done
from mbusheadend.web.reading_choice import zones
from mbusheadend.web.rollout_deeds import (
    cancel_rollout,
    delete_rollout,
    go_on,
    make_rollout,
    offer_by_rollouts_only,
    start_rollout,
)
from mbusheadend.web.rollout_form import EMPTY, ROWS, plan_of
from mbusheadend.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = ADMIN
NEW: Final = "/new-rollout"
ONLY: Final = f"{PATH}/only"


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.get(NEW)
    async def new(request: Request) -> Response:
        return await _form(request, services, EMPTY, "")

    @routes.post(PATH)
    async def make(request: Request, who: Asking) -> Response:
        form = await form_values(request)
        try:
            rollout = await make_rollout(services, who, plan_of(form))
        except RolloutError as error:
            return await _form(request, services, form, said(error.text))
        except ValueError as error:
            return await _form(request, services, form, str(error))
        return go_to(request, ROLLOUT.format(id=rollout.id))

    @routes.post(ONLY)
    async def only(request: Request, who: Asking) -> Response:
        on = (await form_values(request)).get("on") == "true"
        await offer_by_rollouts_only(services, who, on=on)
        flash(request, "success", _("Saved; masters see it when they look the next time."))
        return go_to(request, PATH)

    _add_rest(routes, services)
    return routes


def _add_rest(routes: APIRouter, services: Services) -> None:
    @routes.post(f"{ROLLOUT}/start")
    async def start(request: Request, id: str, who: Asking) -> Response:
        return await done(request, id, lambda: start_rollout(services, who, id))

    @routes.post(f"{ROLLOUT}/go-on")
    async def again(request: Request, id: str, who: Asking) -> Response:
        retry = (await form_values(request)).get("retry") == "true"
        return await done(request, id, lambda: go_on(services, who, id, retry=retry))

    @routes.get(f"{ROLLOUT}/cancel")
    async def ask_cancel(request: Request, id: str) -> Response:
        return ask(
            request,
            title=_("Cancel this rollout?"),
            question=_(
                "Masters that have the release keep it: releases never go backwards. The others are not offered it any more."
            ),
            yes=_("Cancel the rollout"),
            path_yes=f"{ROLLOUT.format(id=id)}/cancel",
            path_no=ROLLOUT.format(id=id),
            no=_("Back"),
        )

    @routes.post(f"{ROLLOUT}/cancel")
    async def cancel(request: Request, id: str, who: Asking) -> Response:
        return await done(request, id, lambda: cancel_rollout(services, who, id))

    @routes.get(f"{ROLLOUT}/delete")
    async def ask_delete(request: Request, id: str) -> Response:
        return ask(
            request,
            title=_("Delete this rollout?"),
            question=_("The release is then offered to all masters that the page Firmware names."),
            yes=_("Delete"),
            path_yes=f"{ROLLOUT.format(id=id)}/delete",
            path_no=ROLLOUT.format(id=id),
        )

    @routes.post(f"{ROLLOUT}/delete")
    async def delete(request: Request, id: str, who: Asking) -> Response:
        try:
            await delete_rollout(services, who, id)
        except RolloutError as error:
            flash(request, "error", said(error.text))
            return go_to(request, ROLLOUT.format(id=id))
        return go_to(request, PATH)


async def _form(request: Request, services: Services, form: Mapping[str, str], problem: str) -> Response:
    try:
        releases = [one.shown for one in services.firmware.releases()]
    except FirmwareError:
        releases = []
    return page(
        request,
        "rollout_form.html",
        status=422 if problem else 200,
        form={**EMPTY, **form},
        problem=problem,
        releases=[(name, name) for name in releases],
        groups=sorted(await services.store.groups(GroupKind.MASTERS)),
        zones=zones(),
        rows=range(1, ROWS + 1),
        kinds=[("groups", _("Groups")), ("count", _("So many more")), ("percent", _("Percent of all"))],
        severities=[("3", _("Errors")), ("2", _("Warnings too")), ("1", _("All")), ("", _("None"))],
    )
