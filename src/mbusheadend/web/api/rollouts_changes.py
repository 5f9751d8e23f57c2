"""What administrators do to rollouts and to settings of the fleet."""

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field

from mbusheadend.fleet.settings_order import MOST_MASTERS
from mbusheadend.rollout.plan import Plan
from mbusheadend.web.api.rollouts import RolloutRow, SettingsRow, rollout_row, settings_row
from mbusheadend.web.door import ADMIN
from mbusheadend.web.rollout_deeds import (
    cancel_rollout,
    delete_rollout,
    go_on,
    make_rollout,
    offer_by_rollouts_only,
    set_settings,
    start_rollout,
    try_settings,
)
from mbusheadend.web.services import Services
from mbushosting.fleet_settings import MOST_SETTINGS, SettingPath, Value
from mbushosting.parts import SerialNumber
from mbusweb.api.callers import Calling
from mbusweb.api.models import Given
from mbusweb.api.problems import declared

DOOR: Final = ADMIN
Serials = Annotated[tuple[SerialNumber, ...], Field(max_length=MOST_MASTERS)]


class OnlyGiven(Given):
    """Whether releases come by rollouts only."""

    on: bool


class GoOnGiven(Given):
    """Whether those are told again that refused or were late."""

    retry: bool = False


class SettingsGiven(Given):
    """Settings that are to be tried, and where."""

    values: Annotated[dict[SettingPath, Value], Field(min_length=1, max_length=MOST_SETTINGS)]
    masters: Serials = ()
    groups: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    everybody: bool = False
    restart: bool = False
    title: Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class WhereGiven(Given):
    """Where settings that were tried are set: at these masters, or at all; at so many at the most."""

    masters: Serials | None = None
    most: Annotated[int, Field(ge=1, le=MOST_MASTERS)] | None = None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.post("/rollouts", status_code=201, responses=declared(409, 503))
    async def post_rollout(given: Plan, calling: Calling) -> RolloutRow:
        """Make a rollout; it does not begin yet, but its release is offered to nobody else from now on."""
        return await rollout_row(services, await make_rollout(services, calling, given))

    @routes.post("/rollouts/only", status_code=204, responses=declared(503))
    async def post_rollouts_only(given: OnlyGiven, calling: Calling) -> None:
        """Offer releases by rollouts only, or also without."""
        await offer_by_rollouts_only(services, calling, on=given.on)

    @routes.post("/rollouts/{id}/start", responses=declared(404, 409, 503))
    async def post_rollout_start(id: str, calling: Calling) -> RolloutRow:
        """Begin with the first ring."""
        return await rollout_row(services, await start_rollout(services, calling, id))

    @routes.post("/rollouts/{id}/go-on", responses=declared(404, 409, 503))
    async def post_rollout_go_on(id: str, given: GoOnGiven, calling: Calling) -> RolloutRow:
        """Go on after a stop; what is wrong with masters now does not count any more."""
        return await rollout_row(services, await go_on(services, calling, id, retry=given.retry))

    @routes.post("/rollouts/{id}/cancel", responses=declared(404, 409, 503))
    async def post_rollout_cancel(id: str, calling: Calling) -> RolloutRow:
        """End it for good; who has the release keeps it, the others are not offered it."""
        return await rollout_row(services, await cancel_rollout(services, calling, id))

    @routes.delete("/rollouts/{id}", status_code=204, responses=declared(404, 409, 503))
    async def remove_rollout(id: str, calling: Calling) -> None:
        """Forget a rollout that has not begun or is over."""
        await delete_rollout(services, calling, id)

    _add_settings(routes, services)
    return routes


def _add_settings(routes: APIRouter, services: Services) -> None:
    @routes.post("/fleet-settings", status_code=201, responses=declared(503))
    async def post_fleet_settings(given: SettingsGiven, calling: Calling) -> SettingsRow:
        """Have masters say what settings would change; nothing is changed."""
        order = await try_settings(
            services,
            calling,
            given.values,
            given.masters,
            groups=given.groups,
            everybody=given.everybody,
            restart=given.restart,
            title=given.title,
        )
        return await settings_row(services, order)

    @routes.post("/fleet-settings/{id}/set", responses=declared(404, 503))
    async def post_fleet_settings_set(id: str, given: WhereGiven, calling: Calling) -> SettingsRow:
        """Set what was tried, where masters said that it would change; one whose settings are others now changes nothing."""
        await set_settings(services, calling, id, given.masters, given.most)
        return await settings_row(services, await services.store.fleet_settings(id))
