"""What operators do to masters: name, groups, lists of meters, orders that are taken back."""

import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from mbusheadend.fleet.imports import Effect, plan_import
from mbusheadend.fleet.masters import see_master
from mbusheadend.web.api.fleet import Master
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import cancel_command, renew_list, set_master, take_import
from mbusheadend.web.services import Services
from mbusio.meterfile import MAX_SIZE
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given, body_of, whole_body
from mbusweb.api.problems import declared

DOOR: Final = OPERATOR
UPLOAD_LIMITS: Final = {"/meters/import": MAX_SIZE + (1 << 16)}
Name = Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
GroupName = Annotated[str, Field(min_length=1, max_length=64)]


class MasterGiven(Given):
    """What people say of a master."""

    name: Name = ""
    groups: Annotated[tuple[GroupName, ...], Field(max_length=100)] = ()


class LineProblem(Answer):
    """What is wrong with a line of a file, in English; line 0 is the file as a whole."""

    line: int
    column: str
    text: str


class Imported(Answer):
    """What a file changes, or would: numbers of lines."""

    taken: bool
    new: int
    completed: int
    unchanged: int
    elsewhere: int
    problem_count: int
    problems: list[LineProblem]
    warnings: list[str]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.put("/masters/{serial}", responses=declared(404, 503))
    async def put_master(serial: str, given: MasterGiven, calling: Calling) -> Master:
        """Name a master and put it into groups."""
        await set_master(services, calling, serial, given.name.strip(), given.groups)
        return Master.of_row((await see_master(services.desk, serial)).row)

    @routes.post("/masters/{serial}/meter-list", status_code=202, responses=declared(404, 503))
    async def renew_meter_list(serial: str, calling: Calling) -> None:
        """Let a master send its meter list again when it calls next."""
        await renew_list(services, calling, serial, f"list-{secrets.token_hex(8)}")

    @routes.delete("/masters/{serial}/orders/{id}", status_code=204, responses=declared(404, 503))
    async def cancel_order(serial: str, id: str, calling: Calling) -> None:
        """Take an order back that has not ended."""
        await cancel_command(services, calling, serial, id)

    @routes.post(
        "/meters/import",
        responses=declared(404, 413, 503),
        openapi_extra=body_of("text/csv", "A meter list as masters write it."),
    )
    async def import_list(
        request: Request,
        master: Annotated[str, Query(max_length=64)],
        calling: Calling,
        dry_run: Annotated[bool, Query(description="Only say what the file would change.")] = False,
    ) -> Imported:
        """Take the good lines of a list to a master. What the master itself lists later decides which meters are there."""
        plan = await plan_import(services.desk, master, await whole_body(request))
        if not dry_run and plan.lines:
            await take_import(services, calling, master, plan)
        return Imported(
            taken=not dry_run and bool(plan.changes),
            **{effect.value: plan.count(effect) for effect in Effect},
            problem_count=plan.report.problem_count,
            problems=[LineProblem.of(one) for one in plan.report.problems],
            warnings=list(plan.report.warnings),
        )

    return routes
