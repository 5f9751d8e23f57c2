"""Who is told of alarms, and the messages on their way."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from mbusheadend.alarms.rules import MailServer, Rule
from mbusheadend.store import StoreRefusedError
from mbusheadend.web.api.jobs import JobFound
from mbusheadend.web.door import ADMIN
from mbusheadend.web.notification_deeds import delete_rule, find_rule, save_rule, save_server, send_trial
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given
from mbusweb.api.problems import declared, problem

DOOR: Final = ADMIN
RuleId = Annotated[str, Path(pattern=r"^[0-9A-Za-z._-]{1,64}$")]


class RuleSaved(Answer):
    """A rule that was saved; `secret` is shown this once, and empty where it has no new one."""

    rule: Rule
    secret: str


class ServerGiven(Given):
    """A mail server; its password stays where none is given."""

    server: MailServer
    password: Annotated[str | None, Field(max_length=1024)] = None


class ServerFound(Answer):
    """The mail server, without its password; null where there is none."""

    server: MailServer | None


class MessageFound(Answer):
    """A message; `error` says why it did not arrive so far, or who did not get it."""

    id: str
    rule: str
    state: Literal["waiting", "delivered", "failed"]
    added: datetime
    attempts: int
    due: datetime
    error: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["alarms"])
    store = services.store

    @routes.get("/notifications/rules", responses=declared(503))
    async def list_rules() -> list[Rule]:
        """List the rules; their secrets are not shown."""
        return list(await store.alarm_rules())

    @routes.put("/notifications/rules/{id}", response_model=RuleSaved, responses=declared(409, 503))
    async def put_rule(id: RuleId, given: Rule, calling: Calling, new_secret: bool = False) -> object:
        """Add or change a rule. A webhook gets a secret when it is new, or when one is asked for."""
        if given.id != id:
            return problem(422, errors={"id": "is not the one of the address"})
        try:
            secret = await save_rule(services, calling, given, renew=new_secret)
        except StoreRefusedError as error:
            return problem(409, str(error))
        return RuleSaved(rule=given, secret=secret)

    @routes.delete("/notifications/rules/{id}", status_code=204, responses=declared(404, 503))
    async def remove_rule(id: RuleId, calling: Calling) -> Response:
        """Delete a rule, and its messages that wait."""
        await delete_rule(services, calling, await find_rule(services, id))
        return Response(status_code=204)

    @routes.post("/notifications/rules/{id}/test", status_code=202, responses=declared(404, 409, 503))
    async def test_rule(id: RuleId, calling: Calling) -> JobFound:
        """Send a message of no alarm; the job says what came of it."""
        return JobFound.seen(send_trial(services, calling, await find_rule(services, id)))

    _add_server(routes, services)
    return routes


def _add_server(routes: APIRouter, services: Services) -> None:
    @routes.get("/notifications/server", responses=declared(503))
    async def get_server() -> ServerFound:
        """Give the mail server."""
        return ServerFound(server=await services.store.mail_server())

    @routes.put("/notifications/server", status_code=204, responses=declared(409, 503))
    async def put_server(given: ServerGiven, calling: Calling) -> Response:
        """Set the mail server."""
        try:
            await save_server(services, calling, given.server, given.password)
        except StoreRefusedError as error:
            return problem(409, str(error))
        return Response(status_code=204)

    @routes.delete("/notifications/server", status_code=204, responses=declared(503))
    async def forget_server(calling: Calling) -> Response:
        """Forget the mail server and its password."""
        await save_server(services, calling, None, None)
        return Response(status_code=204)

    @routes.get("/notifications/messages", responses=declared(503))
    async def list_messages() -> list[MessageFound]:
        """List the newest 100 messages."""
        return [MessageFound.of(one) for one in await services.store.outgoing()]
