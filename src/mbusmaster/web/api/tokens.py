"""The tokens of the user who calls. They are made in `logins`: that takes the password."""

from fastapi import APIRouter

from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer
from mbusweb.api.users import Token, add_revoking


class NewToken(Answer):
    """A token that was made. Nobody can see the secret again."""

    token: Token
    secret: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["users"])
    access = services.access

    @routes.get("/tokens")
    async def list_tokens(calling: Calling) -> list[Token]:
        """List the tokens of the user who calls."""
        return [Token.of(token) for token in access.tokens(calling.user)]

    add_revoking(routes, services)
    return routes
