"""The way in for a program that has a password and no token yet."""

from typing import Final

from fastapi import APIRouter, Request

from mbusheadend.web.api.tokens import Token
from mbusheadend.web.api.users import Role
from mbusheadend.web.services import Services
from mbusweb.api.callers import without_login
from mbusweb.api.models import Answer, Given, Moment, Text
from mbusweb.api.problems import declared
from mbusweb.api.users import log_in
from mbusweb.visitor import visitor

CHECK: Final = without_login


class TokenGiven(Given):
    """A token that is wanted; without `expires` it has no end, without `role` it may what the user may."""

    name: Text
    password: Text
    title: Text
    expires: Moment | None = None
    role: Role | None = None


class NewToken(Answer):
    """A token that was made. Nobody can see the secret again."""

    token: Token
    secret: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["users"])
    access = services.access

    @routes.post("/tokens", status_code=201, responses=declared(409, 429, 503))
    async def create_token(request: Request, given: TokenGiven) -> NewToken:
        """Make a token with name and password; the secret is shown this once.

        A token alone makes no other one, so that one that was lost can be revoked for good.
        """
        source = visitor(request).source
        session = await log_in(request, services, given.name, given.password)
        try:
            token, secret = await access.create_token(
                given.name, given.title, given.expires, role=given.role or "", source=source
            )
            return NewToken(token=Token.of(token), secret=secret)
        finally:
            access.log_out(session.id, source=source)

    return routes
