"""The tokens of the user who calls. They are made in `logins`: that takes the password."""

from datetime import datetime

from fastapi import APIRouter

from mbusmaster.web.api.callers import Calling
from mbusmaster.web.api.models import Answer, RowNumber
from mbusmaster.web.api.problems import declared
from mbusmaster.web.services import Services


class Token(Answer):
    """A token, without its secret; `expires` is null for one that has no end."""

    id: int
    user: str
    title: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    last_source: str


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

    @routes.delete("/tokens/{number}", status_code=204, responses=declared(404, 503))
    async def revoke_token(number: RowNumber, calling: Calling) -> None:
        """Revoke a token of the user who calls, also the one it comes with."""
        await access.revoke_token(calling.user, number, source=calling.source)

    return routes
