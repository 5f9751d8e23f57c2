"""The mail server through which notifications go out."""

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from mbusheadend.alarms.rules import MailServer, Security
from mbusheadend.store import StoreRefusedError
from mbusheadend.web.alarm_rule_form import MOST_FIELD
from mbusheadend.web.door import ADMIN
from mbusheadend.web.notification_deeds import save_server
from mbusheadend.web.pages.alarm_rules import PATH
from mbusheadend.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to, page

DOOR: Final = ADMIN
SERVER: Final = f"{PATH}/server"
FORGET: Final = f"{SERVER}/forget"
_EMPTY: Final = {"host": "", "port": "587", "security": "starttls", "user": "", "sender": "", "authority": ""}


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(SERVER)
    async def show(request: Request) -> Response:
        server = await services.store.mail_server()
        values = _EMPTY if server is None else {**server.model_dump(mode="json"), "port": str(server.port)}
        return _page(request, values, is_there=server is not None)

    @routes.post(SERVER)
    async def save(request: Request, who: Asking) -> Response:
        sent = await form_values(request)
        values = {name: sent.get(name, "")[:MOST_FIELD].strip() for name in _EMPTY}
        problems: dict[str, str] = {}
        try:
            server = MailServer.model_validate(values)
            await save_server(services, who, server, sent.get("password", "") or None)
        except ValidationError as error:
            problems = _problems(error)
        except StoreRefusedError as error:
            problems = {"": f"{_(str(error))}."}
        if problems:
            return _page(request, values, problems)
        flash(request, "success", _("Saved. Send a test message by a rule to see whether it arrives."))
        return go_to(request, PATH)

    @routes.post(FORGET)
    async def forget(request: Request, who: Asking) -> Response:
        await save_server(services, who, None, None)
        flash(request, "success", _("The mail server is forgotten, and its password."))
        return go_to(request, PATH)

    return routes


def _page(
    request: Request, values: dict[str, Any], problems: dict[str, str] | None = None, *, is_there: bool = True
) -> Response:
    return page(
        request,
        "notification_server.html",
        status=422 if problems else 200,
        values=values,
        problems=problems or {},
        is_there=is_there,
        securities=[
            (str(Security.STARTTLS), _("STARTTLS (mostly port 587)")),
            (str(Security.TLS), _("TLS from the beginning (mostly port 465)")),
            (str(Security.NONE), _("None: for a mail server on this machine")),
        ],
    )


def _problems(error: ValidationError) -> dict[str, str]:
    texts = {
        "host": _("Give the name or address of the mail server."),
        "port": _("Give a port from 1 to 65535."),
        "security": _("Choose one of these."),
        "user": _("A login has at most 200 printable characters."),
        "sender": _("Give a mail address such as head-end@example.org."),
        "authority": _("This certificate is too long."),
    }
    found = {}
    for one in error.errors(include_input=False, include_url=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        found[name] = texts.get(
            name, _("A login needs STARTTLS or TLS: the password would be sent in the open.")
        )
    return found
