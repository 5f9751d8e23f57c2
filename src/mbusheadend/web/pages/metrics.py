"""Figures for Prometheus: for programs with a token of any role, and for whoever is on this machine."""

from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.metrics import MEDIA_TYPE
from mbusheadend.web.door import OPEN
from mbusheadend.web.services import Services
from mbusweb.error_pages import problem
from mbusweb.guard import Asking
from mbusweb.visitor import Visitor

DOOR: Final = OPEN
PATH: Final = "/metrics"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "via")
"""A proxy on this machine says so: who is behind it needs a token."""


def router(services: Services) -> APIRouter:
    """Give the route."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, who: Asking) -> Response:
        if not (_is_here(request, who) or _has_token(request, services, who) or who.is_user):
            return problem(401, headers={"www-authenticate": "Bearer"})
        return Response(await services.metrics.text(), media_type=MEDIA_TYPE)

    return routes


def _is_here(request: Request, who: Visitor) -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(who.source).is_loopback
    except ValueError:
        return False


def _has_token(request: Request, services: Services, who: Visitor) -> bool:
    scheme, _blank, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    return services.access.token(token.strip(), source=who.source) is not None
