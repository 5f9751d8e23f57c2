"""Errors in the style of the product: a page for browsers, problem details (RFC 9457) for programs."""

import json
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from mbusweb.errors import NeedsLoginError, NeedsUserError, NotAllowedError
from mbusweb.guard import login_path
from mbusweb.locale import gettext as _
from mbusweb.render import Renderer, go_to
from mbusweb.visitor import Visitor

API_PREFIX: Final = "/api/"


def texts_of(status: int) -> tuple[str, str]:
    """Give title and reason for a status, in the visitor's language."""
    return {
        400: (_("Not understood"), _("The browser sent something that this page does not expect.")),
        401: (_("Login needed"), _("This is for users who are logged in.")),
        403: (_("Not allowed"), _("This is not possible for you from here.")),
        404: (_("Not found"), _("There is no such page.")),
        405: (_("Not possible"), _("This page cannot be used in this way.")),
        409: (_("Not possible now"), _("Something else is under way. Try again in a moment.")),
        413: (_("Too long"), _("The request is longer than this page accepts.")),
        421: (_("Wrong address"), _("The address in the browser is none of this machine's names.")),
        422: (_("Not understood"), _("This is not possible.")),
        429: (_("Too many requests"), _("Try again in a moment.")),
        500: (_("Internal error"), _("Something went wrong here. The log tells more.")),
        501: (_("Not available"), _("This is not possible.")),
        503: (_("Busy"), _("Too much at the same time. Try again in a moment.")),
    }.get(status, (_("Error"), _("This is not possible.")))


def problem(status: int, detail: str = "", headers: dict[str, str] | None = None) -> Response:
    """Answer a program (RFC 9457)."""
    title, reason = texts_of(status)
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail or reason}
    return Response(
        json.dumps(body, ensure_ascii=False), status, headers, media_type="application/problem+json"
    )


def refusal(renderer: Renderer, scope: Scope, status: int, reason: str) -> ASGIApp:
    """Make the answer to a request that gets no further than the entrance."""
    if scope["path"].startswith(API_PREFIX):
        return problem(status, reason)
    return error_page(renderer, scope["state"]["visitor"], scope["path"], status, reason)


def error_page(renderer: Renderer, who: Visitor, path: str, status: int, reason: str = "") -> Response:
    """Give the page of an error."""
    title, usual = texts_of(status)
    values = {"title": title, "reason": reason or usual, "status": status}
    return renderer.page(who, path, "error.html", values, status)


def handle_errors(app: FastAPI) -> None:
    """Answer every error of the pages."""

    def show(request: Request, status: int, reason: str = "") -> Response:
        # After an error in the API the request names that as its application, which has no pages.
        renderer: Renderer = app.state.renderer
        return error_page(renderer, request.scope["state"]["visitor"], request.url.path, status, reason)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        answer = show(request, error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        return show(request, 400)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)

    @app.exception_handler(NotAllowedError)
    async def not_allowed(request: Request, error: NotAllowedError) -> Response:
        return show(request, 403, str(error))

    @app.exception_handler(NeedsLoginError)
    async def needs_login(request: Request, error: NeedsLoginError) -> Response:
        if "text/event-stream" in request.headers.get("accept", ""):
            return problem(401)
        return go_to(request, login_path(request))

    @app.exception_handler(NeedsUserError)
    async def needs_user(request: Request, error: NeedsUserError) -> Response:
        renderer: Renderer = app.state.renderer
        return go_to(request, renderer.product.first_user)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return show(request, 500)
