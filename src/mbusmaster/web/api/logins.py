"""Ways in for a program that has a password and no token yet: the first user, and a token."""

from typing import Final

from fastapi import APIRouter, Request

from mbusmaster.users import FACTORY_NAME
from mbusmaster.web.api.tokens import NewToken
from mbusmaster.web.services import Services
from mbusweb.access import Problem, UserError
from mbusweb.api.callers import without_login
from mbusweb.api.models import Answer, Given, Moment, Text
from mbusweb.api.problems import declared
from mbusweb.api.users import Token, User, log_in
from mbusweb.errors import NeedsUserError, NotAllowedError
from mbusweb.locale import gettext as _
from mbusweb.visitor import Visitor, visitor

CHECK: Final = without_login


class TokenGiven(Given):
    """A token that is wanted; without `expires` it has no end."""

    name: Text
    password: Text
    title: Text
    expires: Moment | None = None


class FirstUserGiven(Given):
    """The first user of a master that has none; with `token_title` a token is made too."""

    default_password: Text
    name: Text
    password: Text
    token_title: Text | None = None


class FirstUser(Answer):
    """The user that was made, and its token if one was wanted."""

    user: User
    token: NewToken | None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["users"])
    access = services.access

    async def make_token(who: Visitor, given: TokenGiven) -> NewToken:
        token, secret = await access.create_token(given.name, given.title, given.expires, source=who.source)
        return NewToken(token=Token.of(token), secret=secret)

    @routes.post("/tokens", status_code=201, responses=declared(409, 429, 503))
    async def create_token(request: Request, given: TokenGiven) -> NewToken:
        """Make a token with name and password; the secret is shown this once.

        A token alone makes no other one, so that one that was lost can be revoked for good.
        """
        who = visitor(request)
        session = await log_in(request, services, given.name, given.password)
        try:
            if session.is_factory:
                raise NeedsUserError
            return await make_token(who, given)
        finally:
            access.log_out(session.id, source=who.source)

    @routes.post("/first-user", status_code=201, responses=declared(409, 429, 503))
    async def create_first_user(request: Request, given: FirstUserGiven) -> FirstUser:
        """Make the first user in the place of the default one, with its password; at the setup interface only."""
        who = visitor(request)
        if not who.is_setup:
            raise NotAllowedError(_("This is possible on the setup interface (USB) only."))
        if not access.is_factory and not access.problem:
            raise UserError("the first user has been made already", Problem.NOT_FACTORY)
        session = await log_in(request, services, FACTORY_NAME, given.default_password)
        try:
            user = await access.add_user(
                given.name, given.password, who=session.user, source=who.source, first=True
            )
        finally:
            access.log_out(session.id, source=who.source)
        if given.token_title is None:
            return FirstUser(user=User.of(user), token=None)
        wanted = TokenGiven(name=user.name, password="", title=given.token_title)
        return FirstUser(user=User.of(user), token=await make_token(who, wanted))

    return routes
