"""What only admins do to meters: keys, which nobody can read again, and forgetting them."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusheadend.web.door import ADMIN
from mbusheadend.web.fleet_deeds import delete_meter, set_key
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given, RowNumber
from mbusweb.api.problems import declared

DOOR: Final = ADMIN


class KeyGiven(Given):
    """The key of an encrypted meter: AES-128 as 32 hex digits."""

    key: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{32}$")]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["meters"])

    @routes.put("/meters/{number}/key", status_code=204, responses=declared(404, 503))
    async def put_key(number: RowNumber, given: KeyGiven, calling: Calling) -> None:
        """Store the key of a meter, encrypted; readings from now on are opened with it."""
        await set_key(services, calling, number, bytes.fromhex(given.key))

    @routes.delete("/meters/{number}/key", status_code=204, responses=declared(404, 503))
    async def forget_key(number: RowNumber, calling: Calling) -> None:
        """Forget the key of a meter."""
        await set_key(services, calling, number, None)

    @routes.delete("/meters/{number}", status_code=204, responses=declared(404, 503))
    async def remove_meter(number: RowNumber, calling: Calling) -> None:
        """Forget a meter and all its readings, for good."""
        await delete_meter(services, calling, number)

    return routes
