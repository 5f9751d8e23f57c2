"""Login and logout. The login of a default user leads only to the page that makes one's own user."""

import math
import secrets
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusweb.access import LoginError, Problem, Session
from mbusweb.access_problems import access_problem
from mbusweb.door import OPEN
from mbusweb.forms import form_values
from mbusweb.guard import Asking, local_path
from mbusweb.locale import gettext as _
from mbusweb.render import Flash, go_to, page, renderer_of
from mbusweb.services import BaseServices
from mbusweb.visitor import Visitor, cookie_name

DOOR: Final = OPEN


def router(services: BaseServices) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    access = services.access

    @routes.get("/login")
    async def login(request: Request, who: Asking, next: str = "") -> Response:
        if who.session is not None:
            return go_to(request, _after_login(request, who.session, next))
        return _form(request, services, who, next)

    @routes.post("/login")
    async def log_in(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        name, next_page = values.get("name", ""), values.get("next", "")
        try:
            session = await access.log_in(
                name, values.get("password", ""), source=who.source, setup=who.is_setup
            )
        except LoginError as error:
            return _form(request, services, who, next_page, name=name, error=error)
        log_out_here(services, who)
        return log_in_as(request, session, _after_login(request, session, next_page))

    @routes.post("/logout")
    async def log_out(request: Request, who: Asking) -> Response:
        log_out_here(services, who)
        answer = go_to(request, renderer_of(request).product.home)
        forget_login(request, answer)
        _greet(request, answer, _("You are logged out."))
        return answer

    return routes


def _after_login(request: Request, session: Session, wanted: str) -> str:
    product = renderer_of(request).product
    return product.first_user if session.is_factory else local_path(wanted, product.home)


def _form(
    request: Request,
    services: BaseServices,
    who: Visitor,
    next_page: str,
    *,
    name: str = "",
    error: LoginError | None = None,
) -> Response:
    answer = page(
        request,
        "login.html",
        status=_status(error),
        next=local_path(next_page, ""),
        name=name[:64],
        message="" if error is None else access_problem(error),
        is_factory=services.access.is_factory and services.access.rules.default_user is not None,
        may_begin=who.is_setup,
    )
    if error is not None and error.wait_seconds:
        answer.headers["retry-after"] = str(max(1, math.ceil(error.wait_seconds)))
    return answer


def _status(error: LoginError | None) -> int:
    if error is None:
        return 200
    return {Problem.WAIT: 429, Problem.BUSY: 503, Problem.UNUSABLE: 503}.get(error.kind, 401)


def log_out_here(services: BaseServices, who: Visitor) -> None:
    """End the visitor's session on the server, if there is one."""
    if who.session is not None:
        services.access.log_out(who.session.id, source=who.source)


def log_in_as(request: Request, session: Session, path: str, text: str = "") -> Response:
    """Give the browser the id of its new session, and go on; nothing of the time before the login is good any more.

    :param text: a message for the next page, translated already.
    """
    answer = go_to(request, path)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        cookie_name(renderer_of(request).product.session_cookie, secure=secure),
        session.id,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    answer.delete_cookie(
        cookie_name(renderer_of(request).product.visit_cookie, secure=secure),
        path="/",
        secure=secure,
        samesite="strict",
    )
    if text:
        renderer_of(request).flashes.add(Visitor(session=session), Flash("success", text))
    return answer


def _greet(request: Request, answer: Response, text: str) -> None:
    """Let the browser, which has no session any more, begin anew with a message."""
    secure = request.url.scheme == "https"
    visit = secrets.token_urlsafe(32)
    name = cookie_name(renderer_of(request).product.visit_cookie, secure=secure)
    answer.set_cookie(name, visit, path="/", secure=secure, httponly=True, samesite="strict")
    renderer_of(request).flashes.add(Visitor(visit=visit), Flash("success", text))


def forget_login(request: Request, answer: Response) -> None:
    """Make the browser forget its session."""
    secure = request.url.scheme == "https"
    answer.delete_cookie(
        cookie_name(renderer_of(request).product.session_cookie, secure=secure),
        path="/",
        secure=secure,
        samesite="strict",
    )
