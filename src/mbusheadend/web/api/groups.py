"""Groups of masters and of meters."""

from typing import Final

from fastapi import APIRouter

from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.api.models import Answer
from mbusweb.api.problems import declared

DOOR: Final = READER


class Group(Answer):
    """A group and how many are in it; `GET /masters` and `GET /meters` list them."""

    name: str
    members: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])

    @routes.get("/groups/{kind}", responses=declared(503))
    async def get_groups(kind: GroupKind) -> list[Group]:
        """List groups by name. A group is there as long as something is in it."""
        groups = await services.store.groups(kind)
        return [Group(name=name, members=count) for name, count in groups.items()]

    return routes
