"""The web application: pages and API behind one entrance."""

from collections.abc import Callable, Collection
from functools import partial

from fastapi import Depends, FastAPI

from mbusmaster.web.api import create_api
from mbusmaster.web.entrance import BodyLimit, HostCheck, OriginCheck, Reception, ResponseHeaders, own_hosts
from mbusmaster.web.error_pages import handle_errors, refusal
from mbusmaster.web.events import Streams
from mbusmaster.web.guard import check_form
from mbusmaster.web.pages import pages_router, upload_limits
from mbusmaster.web.render import Renderer
from mbusmaster.web.services import Services
from mbusmaster.web.static_files import StaticFiles


def create_app(services: Services, hosts: Callable[[], Collection[str]] = lambda: ()) -> FastAPI:
    """Put the pages together.

    :param hosts: gives addresses and names of this machine under which browsers may ask, beside those in the settings; it is
        asked again for a name that was not known.
    """
    app = FastAPI(
        title="M-Bus master",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(check_form)],
    )
    static = StaticFiles()
    renderer = Renderer(services, static)
    app.state.renderer = renderer
    app.state.streams = Streams(services.access)
    handle_errors(app)
    app.include_router(static.router())
    pages = pages_router(services)
    app.include_router(pages)
    renderer.paths = _paths(app)
    app.mount("/api/v1", create_api(services))
    refuse = partial(refusal, renderer)
    # The last one added is the first one asked.
    app.add_middleware(BodyLimit, uploads=upload_limits(), refuse=refuse)
    app.add_middleware(OriginCheck, refuse=refuse)
    app.add_middleware(HostCheck, is_own=_is_own(services, hosts), refuse=refuse)
    app.add_middleware(Reception, access=services.access)
    app.add_middleware(ResponseHeaders)
    return app


def _is_own(services: Services, hosts: Callable[[], Collection[str]]) -> Callable[[str], bool]:
    web = services.settings.running.web
    known = own_hosts(map(str, (web.setup_address,)), web.host_names)

    def is_own(host: str) -> bool:
        return bool(host) and (host in known or host in own_hosts(hosts()))

    return is_own


def _paths(app: FastAPI) -> frozenset[str]:
    return frozenset(getattr(route, "path", "") for route in app.routes)
