"""The address alone leads to the first page."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.render import go_to, renderer_of

DOOR: Final = READER


def router(services: Services) -> APIRouter:
    """Give the route."""
    routes = APIRouter()

    @routes.get("/")
    async def start(request: Request) -> Response:
        return go_to(request, renderer_of(request).product.home)

    return routes
