"""What only admins do to a meter: its key, which is never shown, and forgetting it with all its readings."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.store import StoreRefusedError, UnknownError
from mbusheadend.web.door import ADMIN
from mbusheadend.web.fleet_deeds import delete_meter, set_key
from mbusheadend.web.fleet_lists import METERS
from mbusheadend.web.pages.meters_one import METER, meter_path, shown_meter
from mbusheadend.web.problem_texts import refusal_text
from mbusheadend.web.services import Services
from mbusweb.api.models import RowNumber
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = ADMIN
KEY: Final = f"{METER}/key"
FORGET: Final = f"{METER}/key/forget"
DELETE: Final = f"{METER}/delete"
KEY_SIZE: Final = 16


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(KEY)
    async def put_key(request: Request, number: RowNumber, who: Asking) -> Response:
        key = key_of((await form_values(request)).get("key", ""))
        problem = "" if key is not None else _("A key has 32 hex digits.")
        try:
            if key is not None:
                await set_key(services, who, number, key)
        except UnknownError:
            raise
        except StoreRefusedError as error:
            problem = refusal_text(error)
        if problem:
            shown = await shown_meter(services, number, problems={"key": problem})
            return page(request, "meter_facts.html", status=422, **shown)
        flash(request, "success", _("The key is stored, encrypted. Readings from now on are opened with it."))
        return go_to(request, meter_path(number))

    @routes.post(FORGET)
    async def forget_key(request: Request, number: RowNumber, who: Asking) -> Response:
        await set_key(services, who, number, None)
        flash(request, "success", _("The key is forgotten."))
        return go_to(request, meter_path(number))

    @routes.get(DELETE)
    async def ask_delete(request: Request, number: RowNumber) -> Response:
        meter = await services.store.meter(number)
        return ask(
            request,
            title=_("Delete this meter?"),
            question=_(
                "Meter %(name)s and all its readings are deleted, for good. While it stands in the list of a master, it comes "
                "back as a new one."
            )
            % {"name": meter.name or meter.identity},
            yes=_("Delete"),
            path_yes=meter_path(number, "/delete"),
            path_no=meter_path(number),
        )

    @routes.post(DELETE)
    async def delete(request: Request, number: RowNumber, who: Asking) -> Response:
        identity = (await services.store.meter(number)).identity
        await delete_meter(services, who, number)
        flash(request, "success", _("Meter %(identity)s is deleted.") % {"identity": identity})
        return go_to(request, METERS)

    return routes


def key_of(text: str) -> bytes | None:
    """Read a key of hex digits, with or without blanks and colons; None where it is none."""
    try:
        key = bytes.fromhex(text.replace(":", " ").strip()) if len(text) <= 100 else b""
    except ValueError:
        return None
    return key if len(key) == KEY_SIZE else None
