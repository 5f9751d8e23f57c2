"""Security settings: the channels, their ports, and whether only secure ones may be open (guide 3.1.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusmaster.settings import Settings, SettingsError
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.services import ChannelState, Services
from mbusmaster.web.setting_changes import tried
from mbusmaster.web.settings_form import problem_texts, save_settings
from mbusweb.forms import form_values
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import ask, go_to, page

PATH: Final = "/configuration/security"
SURE: Final = "sure"
"""Field of a form that comes from the question."""
NETWORK_CHANNELS: Final = ("secured_tcp", "plain_tcp", "rfc2217")
UNSECURED: Final = ("plain_tcp", "rfc2217")
RIGHTS: Final = ("allow_writes", "allow_baud_switch")
WEB: Final = ("web.lan", "web.lan_port", "web.host_names", "web.idle_minutes", "web.longest_hours")


@dataclass(frozen=True, slots=True)
class ShownState:
    """How a channel is, in the visitor's language."""

    is_open: bool
    is_trouble: bool
    text: str


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        values = await form_values(request)
        paths = _paths(services.settings.stored)
        wanted = {path: value for path, value in values.items() if path in paths}
        try:
            opened = _opened(services.settings.stored, wanted)
        except SettingsError as error:
            return _page(request, services, values, problem_texts(error))
        if opened and SURE not in values:
            return _question(request, opened, wanted)
        problems = await save_settings(request, services, wanted, *paths)
        return _page(request, services, values, problems) if problems else go_to(request, PATH)

    return routes


def _paths(settings: Settings) -> tuple[str, ...]:
    return (
        "channels.secure_only",
        *(f"channels.{name}.{field}" for name in NETWORK_CHANNELS for field in ("enabled", "port")),
        "channels.serial_port.enabled",
        "channels.discovery",
        *(f"buses.{index}.{field}" for index in range(len(settings.buses)) for field in RIGHTS),
        *WEB,
    )


def _opened(stored: Settings, wanted: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    """Give name and port of each unsecured channel that would be switched on; raise `SettingsError`."""
    then = tried(stored, wanted)
    return tuple(
        (name, getattr(then.channels, name).port)
        for name in UNSECURED
        if getattr(then.channels, name).enabled and not getattr(stored.channels, name).enabled
    )


def _question(request: Request, opened: tuple[tuple[str, int], ...], wanted: dict[str, str]) -> Response:
    names = {"plain_tcp": _("unsecured TCP"), "rfc2217": _("RFC 2217")}
    listed = ", ".join(
        _("%(channel)s at port %(port)d") % {"channel": names[name], "port": port} for name, port in opened
    )
    return ask(
        request,
        title=_("Open a channel without encryption?"),
        question=_(
            "You are switching on: %(channels)s. Whoever reaches this port can read all meters without being asked who they "
            "are, and everybody on the way can read along. Do this only in a network of its own, never with the port "
            "forwarded from the internet. The secured channel has none of these dangers."
        )
        % {"channels": listed},
        yes=_("Switch on without encryption"),
        path_yes=PATH,
        path_no=PATH,
        values={**wanted, SURE: "yes"},
    )


def _page(
    request: Request,
    services: Services,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    stored = services.settings.stored
    return page(
        request,
        "security.html",
        status=422 if problems else 200,
        form=filled_form(stored, *_paths(stored), given=given, problems=problems),
        states={state.name: shown_state(state) for state in services.channels()},
        buses=[bus.name for bus in stored.buses],
        rights=RIGHTS,
        web=WEB,
    )


def shown_state(state: ChannelState) -> ShownState:
    """Say how a channel is."""
    if not state.is_open:
        reason = _("Closed: %(reason)s") % {"reason": _(state.reason)} if state.reason else _("Closed")
        return ShownState(False, bool(state.reason), reason)
    clients = ngettext("%(count)d client", "%(count)d clients", state.clients) % {"count": state.clients}
    text = _("Open at %(places)s, %(clients)s connected") % {
        "places": ", ".join(state.endpoints) or _("no address"),
        "clients": clients,
    }
    return ShownState(True, False, text)
