"""Ethernet: the addresses on the local network (guide 3.1.2), beside those that the system really has.

Where the master may set them, new ones are on trial first: `web.actions.network`.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.errors import MasterError
from mbusmaster.helper.errors import HelperError
from mbusmaster.settings import Settings, SettingsError
from mbusmaster.system.network_change import NetworkChange, TrialPhase
from mbusmaster.web.actions.network import (
    ADDRESSES,
    begin_trial,
    is_new,
    keep_trial,
    local_address,
    may_keep,
    take_trial_back,
)
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import tried
from mbusmaster.web.settings_form import problem_texts, save_settings
from mbusweb.forms import form_values
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.render import flash, fragment, go_to, page
from mbusweb.visitor import visitor

PATH: Final = "/configuration/ethernet"
TRIAL: Final = f"{PATH}/trial"
KEEP: Final = f"{PATH}/keep"
BACK: Final = f"{PATH}/back"
SETTINGS: Final = ("ethernet", "device.name")
_ADDRESS_PATHS: Final = frozenset(f"ethernet.{name}" for name in ADDRESSES)


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        return await _save(request, services)

    @routes.get(TRIAL)
    async def trial(request: Request) -> Response:
        return fragment(request, "parts/network_trial.html", **_trial(request, services))

    @routes.post(KEEP)
    async def keep(request: Request) -> Response:
        who = visitor(request)
        try:
            await keep_trial(services, who, who.is_setup, local_address(request))
        except MasterError as error:
            flash(request, "error", _reason(error))
        else:
            flash(request, "success", _("The new addresses are kept."))
        return go_to(request, PATH)

    @routes.post(BACK)
    async def back(request: Request) -> Response:
        try:
            await take_trial_back(services, visitor(request))
        except MasterError as error:
            flash(request, "error", _reason(error))
        else:
            flash(request, "success", _("The old addresses are back."))
        return go_to(request, PATH)

    return routes


async def _save(request: Request, services: Services) -> Response:
    values = await form_values(request)
    try:
        wanted = tried(services.settings.stored, {**_of_page(values)})
    except SettingsError as error:
        return _page(request, services, values, problem_texts(error))
    on_trial = not services.network_applier.unavailable and is_new(services, wanted)
    kept_out = _ADDRESS_PATHS if on_trial else frozenset()
    rest = {path: value for path, value in values.items() if path not in kept_out}
    if not on_trial or _differs(services, rest):
        problems = await save_settings(request, services, rest, *SETTINGS)
        if problems:
            return _page(request, services, values, problems)
    if on_trial:
        try:
            begin_trial(services, visitor(request), wanted.ethernet)
        except MasterError as error:
            flash(request, "error", _(str(error)))
    return go_to(request, PATH)


def _of_page(values: Mapping[str, str]) -> dict[str, str]:
    return {
        path: value for path, value in values.items() if path == "device.name" or path.startswith("ethernet.")
    }


def _differs(services: Services, values: Mapping[str, str]) -> bool:
    stored: Settings = services.settings.stored
    return tried(stored, _of_page(values)) != stored


def _page(
    request: Request,
    services: Services,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    change = services.network_applier.change
    shown = services.settings.stored
    if given is None and change.phase is not TrialPhase.NONE and change.wanted is not None:
        # What was wanted stands in the form, so that a mistake can be put right.
        shown = shown.model_copy(update={"ethernet": change.wanted})
    return page(
        request,
        "ethernet.html",
        status=422 if problems else 200,
        form=filled_form(shown, *SETTINGS, given=given, problems=problems),
        state=services.network.state(),
        unavailable=said(services.network_applier.unavailable),
        **_trial(request, services),
    )


def _trial(request: Request, services: Services) -> dict[str, object]:
    change = services.network_applier.change
    who = visitor(request)
    return {
        "change": change,
        "seconds_left": services.network_applier.seconds_left,
        "reason": said(change.reason),
        "warnings": [said(text) for text in change.warnings],
        "may_keep": may_keep(services, who.is_setup, local_address(request)),
        "is_setup": who.is_setup,
        "address": _new_place(services, change),
    }


def _new_place(services: Services, change: NetworkChange) -> str:
    """Give the address of the pages under the addresses on trial; empty where it is not known or not served."""
    web = services.settings.running.web
    if not web.lan or change.wanted is None or change.wanted.dhcp:
        return ""
    port = "" if web.lan_port == 443 else f":{web.lan_port}"
    return f"https://{change.wanted.address}{port}{PATH}"


def _reason(error: MasterError) -> str:
    if isinstance(error, HelperError):
        return said(error.text)
    return problem_texts(error)[""] if isinstance(error, SettingsError) else _(str(error))
