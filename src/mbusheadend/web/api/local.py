"""Masters that are read locally."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Base64Bytes, Field
from starlette.responses import Response

from mbus.link.timing import BAUD_RATES
from mbusheadend.local import Credentials, LocalError
from mbusheadend.store import Master
from mbusheadend.web.api.jobs import JobFound
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.local_deeds import (
    begin_check,
    begin_reading,
    delete_local,
    find_local,
    save_master,
    take_list,
)
from mbusheadend.web.services import Services
from mbusio.listreading import LONGEST_TIMEOUT, MAX_BAUD, MIN_BAUD, MOST_RETRIES, RETRIES, TIMEOUT, Patience
from mbusio.meterfile import MAX_SIZE
from mbusweb.api.callers import Calling
from mbusweb.api.models import MOST_ROWS, Answer, Given, Text, Whole, body_of, whole_body
from mbusweb.api.problems import declared, problem
from mbusweb.locale import said

DOOR: Final = OPERATOR
UPLOAD_LIMITS: Final = {"/local/list": MAX_SIZE + 1}
MOST_METERS: Final = 2000
Serial = Annotated[str, Query(max_length=64, description="Serial number of the master.")]


class PatienceGiven(Given):
    """How a silent meter is asked again; rates are those of the standard, from 300 to 38400."""

    min_baud: Whole = MIN_BAUD
    max_baud: Whole = MAX_BAUD
    timeout: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT)] = TIMEOUT
    retries: Annotated[Whole, Field(ge=0, le=MOST_RETRIES)] = RETRIES


class LocalGiven(Given):
    """A local master; `bundle` (base64) and `authority` (PEM) that are not given stay as they are."""

    name: Text
    url: Text
    patience: PatienceGiven = PatienceGiven()
    bundle: Base64Bytes | None = None
    passphrase: Text | None = None
    authority: Annotated[str | None, Field(max_length=65536)] = None

    def credentials(self) -> Credentials:
        """Give the files."""
        authority = None if self.authority is None else self.authority.encode()
        return Credentials(self.bundle, self.passphrase, authority)


class LocalFound(Answer):
    """A local master."""

    serial: str
    name: str
    url: str
    min_baud: int
    max_baud: int
    timeout: float
    retries: int


class LocalAdded(Answer):
    """The serial number that it has here."""

    serial: str


class MetersChosen(Given):
    """Which meters are read; none is all of the master."""

    meters: Annotated[
        tuple[Annotated[Whole, Field(ge=0, lt=MOST_ROWS)], ...], Field(max_length=MOST_METERS)
    ] = ()


class ListTaken(Answer):
    """What became of a list: how many meters are new, and which stay at the master that reads them."""

    lines: int
    new: int
    elsewhere: list[str]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["local"])

    @routes.get("/local", responses=declared(503))
    async def list_local() -> list[LocalFound]:
        """List the masters that are read locally."""
        return [_found(one) for one in await services.store.masters() if one.local is not None]

    @routes.post("/local", status_code=201, response_model=LocalAdded, responses=declared(503))
    async def add_local(given: LocalGiven, calling: Calling) -> object:
        """Add a local master."""
        return await _save(services, "", given, calling)

    @routes.put("/local/{serial}", response_model=LocalAdded, responses=declared(404, 503))
    async def change_local(serial: str, given: LocalGiven, calling: Calling) -> object:
        """Reach a local master in another way."""
        await find_local(services, serial)
        return await _save(services, serial, given, calling)

    @routes.delete("/local/{serial}", status_code=204, responses=declared(404, 409, 503))
    async def remove_local(serial: str, calling: Calling) -> Response:
        """Delete a local master and its keys; its meters and what was read of them stay."""
        await find_local(services, serial)
        try:
            await delete_local(services, calling, serial)
        except LocalError as error:
            return problem(409, said(error.text))
        return Response(status_code=204)

    _add_reading(routes, services)
    return routes


def _add_reading(routes: APIRouter, services: Services) -> None:
    @routes.post(
        "/local/list",
        response_model=ListTaken,
        responses=declared(404, 503),
        openapi_extra=body_of("text/csv", "The CSV that the master exports"),
    )
    async def import_local_list(
        request: Request,
        calling: Calling,
        master: Serial,
        bus: Annotated[str | None, Query(max_length=64, description="Needed where it names several.")] = None,
    ) -> object:
        """Take the list of meters of a local master, all of it or nothing."""
        await find_local(services, master)
        try:
            done = await take_list(services, calling, master, await whole_body(request), bus)
        except LocalError as error:
            return problem(422, said(error.text))
        if not done.report.taken:
            errors = {
                f"line {one.line}, {one.column or 'all of it'}": one.text for one in done.report.problems
            }
            return problem(422, errors=errors)
        return ListTaken(lines=done.report.lines, new=len(done.new), elsewhere=list(done.elsewhere))

    @routes.post("/local/{serial}/read", status_code=202, responses=declared(404, 409, 503))
    async def read_local_master(serial: str, given: MetersChosen, calling: Calling) -> JobFound:
        """Read meters of a local master now; the job says how far it is."""
        master = await find_local(services, serial)
        return JobFound.seen(begin_reading(services, calling, master, set(given.meters)))

    @routes.post("/local/{serial}/check", status_code=202, responses=declared(404, 409, 503))
    async def check_local_master(serial: str, calling: Calling) -> JobFound:
        """See whether a local master can be reached; the job says what was found."""
        return JobFound.seen(begin_check(services, calling, await find_local(services, serial)))


async def _save(services: Services, serial: str, given: LocalGiven, calling: Calling) -> object:
    wanted = given.patience
    if wanted.min_baud not in BAUD_RATES or wanted.max_baud not in BAUD_RATES:
        return problem(422, errors={"patience": f"rates are {', '.join(map(str, BAUD_RATES))}"})
    if wanted.min_baud > wanted.max_baud:
        return problem(422, errors={"patience": "the lowest rate is above the highest one"})
    patience = Patience(wanted.min_baud, wanted.max_baud, wanted.timeout, wanted.retries)
    files = given.credentials()
    try:
        saved = await save_master(services, calling, serial, given.name, given.url, patience, files)
    except LocalError as error:
        return problem(422, said(error.text))
    return LocalAdded(serial=saved)


def _found(master: Master) -> LocalFound:
    assert master.local is not None, "it is read locally"
    patience = master.local.patience
    return LocalFound(
        serial=master.serial,
        name=master.name,
        url=master.local.url,
        min_baud=patience.min_baud,
        max_baud=patience.max_baud,
        timeout=patience.timeout,
        retries=patience.retries,
    )
