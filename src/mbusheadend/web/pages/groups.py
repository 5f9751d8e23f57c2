"""Groups of masters and of meters: which there are, and how many are in each. A group is there as long as something is in it."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import READER
from mbusheadend.web.services import Services
from mbusweb.render import page

DOOR: Final = READER
PATH: Final = "/groups"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return page(request, "groups.html", **await shown_groups(services))

    return routes


async def shown_groups(services: Services, **more: Any) -> dict[str, Any]:
    """Give what the page shows.

    :param more: of a form that was refused: its values and problems.
    """
    schedules = await services.store.schedules()
    kinds = []
    for kind in GroupKind:
        groups = await services.store.groups(kind)
        used = {name: [one.schedule for one in schedules if name in _assigned(one, kind)] for name in groups}
        kinds.append((kind, groups, used))
    return {"kinds": kinds, "values": {}, "problems": {}, **more}


def _assigned(stored: Any, kind: GroupKind) -> frozenset[str]:
    assignment = stored.assignment
    groups: frozenset[str] = assignment.groups if kind is GroupKind.MASTERS else assignment.meter_groups
    return groups
