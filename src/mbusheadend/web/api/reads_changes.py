"""What operators order: to read meters now."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field, model_validator

from mbusheadend.fleet.reading_now import MOST_METERS, read_progress
from mbusheadend.web.api.reads import Read
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import order_master, order_meters, take_back
from mbusheadend.web.services import Services
from mbushosting.parts import SerialNumber
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR


class ReadGiven(Given):
    """What is to be read now: these meters by their numbers, or all of a master."""

    meters: Annotated[tuple[Annotated[int, Field(ge=0, lt=1 << 62)], ...], Field(max_length=MOST_METERS)] = ()
    master: SerialNumber | None = None
    application_reset: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "ReadGiven":
        if bool(self.meters) == (self.master is not None):
            raise ValueError("name either meters or a master")
        return self


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.post("/reads", status_code=201, responses=declared(404, 409, 503))
    async def post_read(given: ReadGiven, calling: Calling) -> Read:
        """Order that meters are read, as soon as their masters can be told."""
        if given.master is not None:
            id = await order_master(
                services, calling, given.master, application_reset=given.application_reset
            )
        else:
            id = await order_meters(
                services, calling, given.meters, application_reset=given.application_reset
            )
        return Read.of_progress(await read_progress(services.desk, id), services.now())

    @routes.delete("/reads/{id}", responses=declared(404, 503))
    async def cancel_read(id: str, calling: Calling) -> Read:
        """Take an order back where it has not ended; what was read already comes all the same."""
        await read_progress(services.desk, id)
        await take_back(services, calling, id)
        return Read.of_progress(await read_progress(services.desk, id), services.now())

    return routes
