"""The tokens of the user who calls; they are made in `logins`: that takes the password."""

from fastapi import APIRouter

from mbusheadend.web.services import Services
from mbusweb.api import users as shared
from mbusweb.api.callers import Calling


class Token(shared.Token):
    """A token, without its secret; `role` is the most that it may, and never more than its user may."""

    role: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["users"])

    @routes.get("/tokens")
    async def list_tokens(calling: Calling) -> list[Token]:
        """List the tokens of the user who calls."""
        return [Token.of(token) for token in services.access.tokens(calling.user)]

    shared.add_revoking(routes, services)
    return routes
