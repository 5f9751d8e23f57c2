"""Who may log in: five at the most, never none."""

from typing import Final

from fastapi import APIRouter

from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling, require_program
from mbusweb.api.problems import declared
from mbusweb.api.users import User, UserGiven, add_user_changes

CHECK: Final = require_program


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

    add_user_changes(routes, services)
    return routes
