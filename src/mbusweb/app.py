"""The web application of a product: pages and API behind one entrance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from mbusweb.api import PREFIX
from mbusweb.carried import CarriedFlashes
from mbusweb.entrance import BodyLimit, HostCheck, OriginCheck, Reception, ResponseHeaders
from mbusweb.error_pages import handle_errors, refusal
from mbusweb.events import Streams
from mbusweb.guard import check_form
from mbusweb.pages import add_pages, upload_limits, users_uploads
from mbusweb.product import Product
from mbusweb.render import Renderer
from mbusweb.services import BaseServices
from mbusweb.static_files import StaticFiles


class _Application(FastAPI):
    """With the entrance before everything, so that answers to errors of our own go through it too."""

    entrance: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        """Put the entrance before what FastAPI has."""
        return self.entrance(super().build_middleware_stack())


@dataclass(frozen=True, slots=True)
class Parts:
    """What a product puts into its web application.

    :ivar pages: modules.
    :ivar api: makes the API, which is mounted at `PREFIX`.
    :ivar api_uploads: the longest body by path, of what in the API takes more than a page's form.
    :ivar is_own: whether a host name or address, without port and in small letters, is one of this machine's.
    :ivar context: gives values for every page; `device`, the name that the owner gave the machine, is one of them.
    :ivar filters: of templates, by name.
    :ivar carried: messages for the next page, where several processes answer; None for those in memory.
    """

    pages: Sequence[ModuleType]
    api: Callable[[Streams], ASGIApp]
    api_uploads: Mapping[str, int]
    is_own: Callable[[str], bool]
    context: Callable[[], Mapping[str, Any]]
    filters: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    carried: CarriedFlashes | None = None


def create_web(product: Product, services: BaseServices, parts: Parts) -> FastAPI:
    """Put it together; `state.streams` of what is given must be closed at the end."""
    app = _Application(
        title=product.name,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_form)],
    )
    static = StaticFiles(product.folder / "static")
    renderer = Renderer(product, static, parts.context, parts.filters)
    if parts.carried is not None:
        renderer.flashes = parts.carried
    app.state.renderer = renderer
    app.state.streams = Streams(services.access, product.most_streams)
    handle_errors(app)
    app.include_router(static.router())
    renderer.paths = add_pages(app, services, parts.pages)
    app.mount(PREFIX, parts.api(app.state.streams))
    refuse = partial(refusal, renderer)

    def entrance(inner: ASGIApp) -> ASGIApp:
        limits = {**upload_limits(parts.pages), **parts.api_uploads}
        inner = BodyLimit(inner, limits, refuse, users_uploads(parts.pages))
        inner = OriginCheck(inner, refuse)
        inner = HostCheck(inner, parts.is_own, refuse)
        inner = Reception(inner, services.access, product)
        return ResponseHeaders(inner if parts.carried is None else parts.carried.around(inner))

    app.entrance = entrance
    return app
