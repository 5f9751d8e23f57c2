"""Users and their roles."""

from typing import Final, Literal

from fastapi import APIRouter, Depends

from mbusheadend.roles import ADMIN, OPERATOR, READER
from mbusheadend.web.door import ADMIN as ADMIN_DOOR
from mbusheadend.web.services import Services
from mbusweb.api import users as shared
from mbusweb.api.callers import Calling, require_program
from mbusweb.api.models import Given
from mbusweb.api.problems import declared

DOOR: Final = ADMIN_DOOR
Role = Literal["reader", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = (READER, OPERATOR, ADMIN)


class User(shared.User):
    """A user."""

    role: str


class UserGiven(shared.UserGiven):
    """A user who is to be."""

    role: Role


class RoleGiven(Given):
    """Another role."""

    role: Role


def router(services: Services) -> APIRouter:
    """Give the routes."""
    # A page asks for the own password first, which a login that was left alone does not know.
    routes = APIRouter(tags=["users"], dependencies=[Depends(require_program)])
    access = services.access

    @routes.get("/users")
    async def list_users() -> list[User]:
        """List the users by name."""
        return [User.of(user) for user in access.users()]

    @routes.post("/users", status_code=201, responses=declared(409, 503))
    async def add_user(given: UserGiven, calling: Calling) -> User:
        """Add a user."""
        added = await access.add_user(
            given.name, given.password, role=given.role, who=calling.user, source=calling.source
        )
        return User.of(added)

    @routes.put("/users/{name}/role", status_code=204, responses=declared(404, 409, 503))
    async def change_role(name: str, given: RoleGiven, calling: Calling) -> None:
        """Give a user another role, which holds at once; one administrator stays."""
        await access.set_role(name, given.role, who=calling.user, source=calling.source)

    shared.add_user_changes(routes, services)
    return routes
