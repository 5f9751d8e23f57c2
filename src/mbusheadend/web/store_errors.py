"""What pages answer where the store does not do something that no page expects."""

import logging

from fastapi import FastAPI, Request
from starlette.responses import Response

from mbusheadend.store import StoreError, UnknownError
from mbusweb.error_pages import error_page
from mbusweb.locale import gettext as _
from mbusweb.render import Renderer

_log = logging.getLogger(__name__)


def handle_store_errors(app: FastAPI) -> None:
    """Answer with pages: not found for what is not there, else what is the matter."""

    def show(request: Request, status: int, reason: str) -> Response:
        renderer: Renderer = app.state.renderer
        return error_page(renderer, request.scope["state"]["visitor"], request.url.path, status, reason)

    @app.exception_handler(UnknownError)
    async def unknown(request: Request, error: UnknownError) -> Response:
        return show(request, 404, _("It is not here, or not any more."))

    @app.exception_handler(StoreError)
    async def failed(request: Request, error: StoreError) -> Response:
        _log.error("%s: %s", request.url.path, error)
        return show(request, 503, _("The store cannot do it now. The log tells more."))
