"""Hosting: reading by a head-end, activated or not (guide 3.1.3); who takes this master in, and how it goes."""

from collections.abc import AsyncGenerator, Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.hosting.errors import SaidError
from mbusmaster.settings import SettingsError
from mbusmaster.web.actions import hosting as actions
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.hosting_view import shown_hosting
from mbusmaster.web.services import Services
from mbusmaster.web.settings_form import problem_texts, save_settings
from mbusweb.events import Event, event_stream
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.render import ask, flash, go_to, page, renderer_of

PATH: Final = "/configuration/hosting"
ENROL: Final = f"{PATH}/enrol"
LEAVE: Final = f"{PATH}/leave"
END_TUNNEL: Final = f"{PATH}/tunnels/{{id}}/end"
EVENTS: Final = f"{PATH}/events"
SECTION: Final = "hosting"
PART: Final = "parts/hosting_state.html"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        problems = await save_settings(request, services, await form_values(request), SECTION)
        return _page(request, services, problems) if problems else go_to(request, PATH)

    @routes.get(EVENTS)
    async def events(request: Request) -> Response:
        return event_stream(request, _changes(request, services))

    _add_enrol(routes, services)
    _add_leave(routes, services)
    _add_end_tunnel(routes, services)
    return routes


def _add_enrol(routes: APIRouter, services: Services) -> None:
    @routes.post(ENROL)
    async def enrol(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        url, token = values.get("url", "").strip(), values.get("token", "").strip()
        switch_on = values.get("switch_on") == "true"
        try:
            if len(url) > actions.LONGEST_URL or len(token) > actions.LONGEST_TOKEN:
                return _page(request, services, given=values, refused={"": _("This is too long.")})
            state = await actions.enrol(services, who, url, token, switch_on=switch_on)
        except SaidError as error:
            return _page(request, services, given=values, refused={error.field: said(error.text)})
        except SettingsError as error:
            flash(request, "error", " ".join(problem_texts(error).values()))
            return go_to(request, PATH)
        flash(request, "success", _("This master is enrolled at %(url)s.") % {"url": state.place})
        return go_to(request, PATH)


def _add_leave(routes: APIRouter, services: Services) -> None:
    @routes.get(LEAVE)
    async def ask_leave(request: Request) -> Response:
        return ask(
            request,
            title=_("Leave the head-end?"),
            question=_(
                "The key and the certificate of this master are erased, and no reading schedule runs any more. Readings stay "
                "here. To come back, this master needs a new token."
            ),
            yes=_("Leave the head-end"),
            path_yes=LEAVE,
            path_no=PATH,
        )

    @routes.post(LEAVE)
    async def leave(request: Request, who: Asking) -> Response:
        try:
            if await actions.leave(services, who):
                flash(request, "success", _("This master is enrolled at no head-end any more."))
        except SaidError as error:
            flash(request, "error", said(error.text))
        return go_to(request, PATH)


def _add_end_tunnel(routes: APIRouter, services: Services) -> None:
    @routes.get(END_TUNNEL)
    async def ask_end(request: Request, id: str) -> Response:
        return ask(
            request,
            title=_("End this tunnel?"),
            question=_("Who reads through it hears that it was ended here, and can open another one."),
            yes=_("End the tunnel"),
            path_yes=END_TUNNEL.format(id=id),
            path_no=PATH,
        )

    @routes.post(END_TUNNEL)
    async def end(request: Request, id: str, who: Asking) -> Response:
        if actions.end_tunnel(services, who, id):
            flash(request, "success", _("The tunnel was ended."))
        else:
            flash(request, "warning", _("It had ended already."))
        return go_to(request, PATH)


async def _changes(request: Request, services: Services) -> AsyncGenerator[Event]:
    """Give how it goes where that has changed, once a second at the most."""
    render = renderer_of(request).fragment
    sent = ""
    async for _tick in request.app.state.streams.seconds():
        html = render(PART, hosting=shown_hosting(services.hosted.state))
        if html != sent:
            sent = html
            yield Event("hosting", html)


def _page(
    request: Request,
    services: Services,
    problems: dict[str, str] | None = None,
    *,
    given: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Response:
    """Show the page.

    :param given: to the form of enrolment; :param refused: what is wrong with it, by field.
    """
    state = services.hosted.state
    stored = services.settings.stored
    given = given or {}
    return page(
        request,
        "hosting.html",
        status=422 if problems or refused else 200,
        form=filled_form(stored, SECTION, problems=problems),
        is_here=state.is_here,
        reason=said(state.work.reason),
        hosting=shown_hosting(state),
        url=given.get("url", state.enrolment.place)[: actions.LONGEST_URL],
        switch_on=given.get("switch_on") == "true" if given else True,
        is_off=not stored.hosting.enabled,
        refused=refused or {},
    )
