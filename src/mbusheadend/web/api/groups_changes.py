"""What operators do to groups."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.api.fleet_changes import GroupName
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import dissolve_group, join_group, leave_group, rename_group
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR
Member = Annotated[str, Field(min_length=1, max_length=64)] | Annotated[int, Field(ge=0, lt=1 << 62)]
Members = Annotated[tuple[Member, ...], Field(max_length=20_000)]


class MembersGiven(Given):
    """Who goes into a group and who out of it: serial numbers of masters, or numbers of meters."""

    add: Members = ()
    remove: Members = ()


class NameGiven(Given):
    """Another name."""

    name: GroupName


class Changed(Answer):
    """How many were put in and taken out."""

    added: int
    removed: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])

    @routes.post("/groups/{kind}/{name}/members", responses=declared(503))
    async def change_members(
        kind: GroupKind, name: GroupName, given: MembersGiven, calling: Calling
    ) -> Changed:
        """Put members into a group and take others out; who is not known is left out."""
        added = await join_group(services, calling, kind, name, given.add) if given.add else 0
        removed = await leave_group(services, calling, kind, name, given.remove) if given.remove else 0
        return Changed(added=added, removed=removed)

    @routes.put("/groups/{kind}/{name}/name", status_code=204, responses=declared(404, 503))
    async def rename(kind: GroupKind, name: GroupName, given: NameGiven, calling: Calling) -> None:
        """Rename a group, also where schedules name it."""
        await rename_group(services, calling, kind, name, given.name)

    @routes.delete("/groups/{kind}/{name}", status_code=204, responses=declared(404, 503))
    async def dissolve(kind: GroupKind, name: GroupName, calling: Calling) -> None:
        """Take everybody out of a group."""
        await dissolve_group(services, calling, kind, name)

    return routes
