"""What operators do to meters: name, note, groups."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusheadend.web.api.fleet_changes import GroupName, Name
from mbusheadend.web.api.meters import MeterRow
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import set_meter
from mbusheadend.web.pages.meters_one import LONGEST_NOTE
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given, RowNumber
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR


class MeterGiven(Given):
    """What people say of a meter."""

    name: Name = ""
    note: Annotated[str, Field(max_length=LONGEST_NOTE, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")] = ""
    groups: Annotated[tuple[GroupName, ...], Field(max_length=100)] = ()


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])

    @routes.put("/meters/{number}", responses=declared(404, 503))
    async def put_meter(number: RowNumber, given: MeterGiven, calling: Calling) -> MeterRow:
        """Name a meter, give it a note, put it into groups."""
        await set_meter(services, calling, number, given.name.strip(), given.note.strip(), given.groups)
        return MeterRow.of_stored(await services.store.meter(number))

    return routes
