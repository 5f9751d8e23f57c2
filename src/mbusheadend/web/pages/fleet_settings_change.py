"""What administrators do to settings of many masters: try them, then set them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.store import StoreRefusedError
from mbusheadend.store.browsing import GroupKind
from mbusheadend.web.door import ADMIN
from mbusheadend.web.pages.fleet_settings import ORDER, PATH
from mbusheadend.web.problem_texts import refusal_text
from mbusheadend.web.rollout_deeds import set_settings, try_settings
from mbusheadend.web.services import Services
from mbushosting.fleet_settings import KNOWN, Value
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to, page

DOOR: Final = ADMIN
NEW: Final = "/new-fleet-settings"
MOST_TEXT: Final = 8192


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.get(NEW)
    async def new(request: Request) -> Response:
        return await _form(request, services, {}, "")

    @routes.post(PATH)
    async def try_out(request: Request, who: Asking) -> Response:
        form = await form_values(request)
        try:
            order = await try_settings(
                services,
                who,
                _values(form.get("values", "")),
                _names(form.get("masters", "")),
                groups=_names(form.get("groups", "")),
                everybody=form.get("everybody") == "true",
                restart=form.get("restart") == "true",
                title=form.get("title", "")[:128],
            )
        except StoreRefusedError as error:
            return await _form(request, services, form, refusal_text(error))
        except ValueError as error:
            return await _form(request, services, form, str(error))
        return go_to(request, ORDER.format(id=order.id))

    @routes.post(f"{ORDER}/set")
    async def set_for_good(request: Request, id: str, who: Asking) -> Response:
        most = (await form_values(request)).get("most", "")
        count = await set_settings(services, who, id, None, int(most) if most.isdecimal() else None)
        text = ngettext("One master is told to set them.", "%(num)s masters are told to set them.", count)
        flash(request, "success", text % {"num": count})
        return go_to(request, ORDER.format(id=id))

    return routes


def _values(text: str) -> dict[str, Value]:
    """Read lines such as ``log.level = debug``."""
    found: dict[str, Value] = {}
    for line in text[:MOST_TEXT].splitlines():
        path, equals, value = line.partition("=")
        if not line.strip():
            continue
        if not equals:
            raise ValueError(_("Each line is a setting, = and a value: %(line)s") % {"line": line[:80]})
        found[path.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Value:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    return value if value is None or isinstance(value, bool | int | float | str) else text


def _names(text: str) -> list[str]:
    return [name for part in text.replace("\n", ",").split(",") if (name := part.strip())]


async def _form(request: Request, services: Services, form: Mapping[str, str], problem: str) -> Response:
    return page(
        request,
        "fleet_settings_form.html",
        status=422 if problem else 200,
        form=form,
        problem=problem,
        known=KNOWN,
        groups=sorted(await services.store.groups(GroupKind.MASTERS)),
    )
