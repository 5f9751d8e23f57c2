"""What the parts about users and their tokens have in common in the APIs of all products."""

from datetime import datetime

from fastapi import APIRouter, Request

from mbusweb.access import Session
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given, RowNumber, Text
from mbusweb.api.problems import declared
from mbusweb.services import BaseServices
from mbusweb.visitor import visitor


class User(Answer):
    """A user."""

    name: str
    created: datetime
    password_changed: datetime
    last_login: datetime | None


class UserGiven(Given):
    """A user who is to be."""

    name: Text
    password: Text


class PasswordGiven(Given):
    """A new password."""

    password: Text


class Token(Answer):
    """A token, without its secret; `expires` is null for one that has no end."""

    id: int
    user: str
    title: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    last_source: str


def add_user_changes(routes: APIRouter, services: BaseServices) -> None:
    """Add what is done to users that are there."""
    access = services.access

    @routes.put("/users/{name}/password", status_code=204, responses=declared(404, 503))
    async def change_password(name: str, given: PasswordGiven, calling: Calling) -> None:
        """Give a user a new password: the user's logins end, tokens stay."""
        await access.change_password(name, given.password, who=calling.user, source=calling.source)

    @routes.delete("/users/{name}", status_code=204, responses=declared(404, 409, 503))
    async def delete_user(name: str, calling: Calling) -> None:
        """Delete a user, whose logins and tokens end; the last one stays."""
        await access.delete_user(name, who=calling.user, source=calling.source)


def add_revoking(routes: APIRouter, services: BaseServices) -> None:
    """Add the end of a token."""

    @routes.delete("/tokens/{number}", status_code=204, responses=declared(404, 503))
    async def revoke_token(number: RowNumber, calling: Calling) -> None:
        """Revoke a token of the user who calls, also the one it comes with."""
        await services.access.revoke_token(calling.user, number, source=calling.source)


async def log_in(request: Request, services: BaseServices, name: str, password: str) -> Session:
    """Begin a session with a password, for as long as the request takes. Raise `LoginError`."""
    who = visitor(request)
    return await services.access.log_in(name, password, source=who.source, setup=who.is_setup)
