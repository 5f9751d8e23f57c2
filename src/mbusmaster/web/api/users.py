"""Who may log in: five at the most, never none."""

from datetime import datetime
from typing import Final

from fastapi import APIRouter

from mbusmaster.web.api.callers import Calling, require_program
from mbusmaster.web.api.models import Answer, Given, Text
from mbusmaster.web.api.problems import declared
from mbusmaster.web.services import Services

CHECK: Final = require_program


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


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["users"])
    access = services.access

    @routes.get("/users")
    async def list_users() -> list[User]:
        """List the users by name."""
        return [User.of(user) for user in access.users()]

    @routes.post("/users", status_code=201, responses=declared(409, 503))
    async def add_user(given: UserGiven, calling: Calling) -> User:
        """Add a user."""
        added = await access.add_user(given.name, given.password, who=calling.user, source=calling.source)
        return User.of(added)

    @routes.put("/users/{name}/password", status_code=204, responses=declared(404, 503))
    async def change_password(name: str, given: PasswordGiven, calling: Calling) -> None:
        """Give a user a new password: the user's logins end, tokens stay."""
        await access.change_password(name, given.password, who=calling.user, source=calling.source)

    @routes.delete("/users/{name}", status_code=204, responses=declared(404, 409, 503))
    async def delete_user(name: str, calling: Calling) -> None:
        """Delete a user, whose logins and tokens end; the last one stays."""
        await access.delete_user(name, who=calling.user, source=calling.source)

    return routes
