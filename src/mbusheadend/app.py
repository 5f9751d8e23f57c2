"""The application: all paths, and what becomes of errors."""

import logging
from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from mbusheadend.errors import RefusedError
from mbusheadend.store import StoreError, UnknownError, WrongOwnerError
from mbushosting.contact import Refusal, RefusalCode

AGAIN_SECONDS = 60

_log = logging.getLogger(__name__)


def create_app(routes: Iterable[BaseRoute]) -> Starlette:
    """Make the application."""
    return Starlette(
        routes=list(routes),
        exception_handlers={
            RefusedError: _refused,
            StoreError: _store_failed,
            ClientDisconnect: _gone,
            Exception: _broken,
        },
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    refusal = Refusal(reason=error.reason, code=error.code)
    return Response(refusal.model_dump_json(), error.status, error.headers, "application/json")


async def _store_failed(request: Request, error: Exception) -> Response:
    if isinstance(error, UnknownError):
        return await _refused(
            request, RefusedError(403, RefusalCode.REVOKED, "this master is not known here")
        )
    if isinstance(error, WrongOwnerError):
        return await _refused(
            request, RefusedError(403, RefusalCode.OTHER_MASTER, "this is another master's")
        )
    _log.error("%s: %s", request.url.path, error)
    trouble = RefusedError(503, RefusalCode.TROUBLE, "the store cannot do it now", retry_after=AGAIN_SECONDS)
    return await _refused(request, trouble)


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody is left to read this."""
    return Response(status_code=499)


async def _broken(request: Request, error: Exception) -> Response:
    return await _refused(request, RefusedError(500, RefusalCode.TROUBLE, "an error of the head-end"))
