"""The web application: pages and API behind one entrance."""

import socket
from collections.abc import Callable, Collection
from functools import partial

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from mbusmaster.web.api import PREFIX, UPLOAD_LIMITS, create_api
from mbusmaster.web.entrance import BodyLimit, HostCheck, OriginCheck, Reception, ResponseHeaders, own_hosts
from mbusmaster.web.error_pages import handle_errors, refusal
from mbusmaster.web.events import Streams
from mbusmaster.web.guard import check_form
from mbusmaster.web.pages import add_pages, upload_limits, users_uploads
from mbusmaster.web.render import Renderer
from mbusmaster.web.services import Services
from mbusmaster.web.static_files import StaticFiles


class _Application(FastAPI):
    """With the entrance before everything, so that answers to errors of our own go through it too."""

    entrance: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        """Put the entrance before what FastAPI has."""
        return self.entrance(super().build_middleware_stack())


def machine_names() -> frozenset[str]:
    """Give the names under which others know this machine."""
    name = socket.gethostname()
    return frozenset((name, f"{name.partition('.')[0]}.local"))


def create_app(services: Services, hosts: Callable[[], Collection[str]] = machine_names) -> FastAPI:
    """Put the pages together.

    :param hosts: gives names of this machine under which browsers may ask, beside the address to which they connect and the
        names in the settings; it is asked again for a name that was not known, so it must be quick.
    """
    app = _Application(
        title="M-Bus master",
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_form)],
    )
    static = StaticFiles()
    renderer = Renderer(services, static)
    app.state.renderer = renderer
    app.state.streams = Streams(services.access)
    handle_errors(app)
    app.include_router(static.router())
    renderer.paths = add_pages(app, services)
    app.mount(PREFIX, create_api(services, app.state.streams))
    refuse = partial(refusal, renderer)
    is_own = _is_own(services, hosts)

    def entrance(inner: ASGIApp) -> ASGIApp:
        inner = BodyLimit(inner, {**upload_limits(), **UPLOAD_LIMITS}, refuse, users_uploads())
        inner = OriginCheck(inner, refuse)
        inner = HostCheck(inner, is_own, refuse)
        return ResponseHeaders(Reception(inner, services.access))

    app.entrance = entrance
    return app


def _is_own(services: Services, hosts: Callable[[], Collection[str]]) -> Callable[[str], bool]:
    web = services.settings.running.web
    known = own_hosts(map(str, (web.setup_address,)), web.host_names)

    def is_own(host: str) -> bool:
        return bool(host) and (host in known or host in own_hosts(hosts()))

    return is_own
