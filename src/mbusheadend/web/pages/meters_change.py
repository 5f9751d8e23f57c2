"""What operators do to a meter: name, note, groups."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from mbusheadend.store import StoreRefusedError, UnknownError
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import set_meter
from mbusheadend.web.pages.masters_change import name_problem, new_groups
from mbusheadend.web.pages.meters_one import LONGEST_NOTE, METER, meter_path, shown_meter, way_back
from mbusheadend.web.problem_texts import refusal_text
from mbusheadend.web.services import Services
from mbusweb.api.models import RowNumber
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to, page

DOOR: Final = OPERATOR
EDIT: Final = f"{METER}/edit"


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.get(EDIT)
    async def show(request: Request, number: RowNumber) -> Response:
        return go_to(request, meter_path(number))

    @routes.post(EDIT)
    async def edit(request: Request, number: RowNumber, who: Asking) -> Response:
        async with request.form() as form:
            name = str(form.get("name", "")).strip()
            note = str(form.get("note", "")).replace("\r\n", "\n").strip()
            chosen = frozenset(map(str, form.getlist("group"))) | new_groups(str(form.get("new_groups", "")))
            back = way_back(str(form.get("back", "")))
        problems = {**name_problem(name), **note_problem(note)}
        try:
            if not problems:
                await set_meter(services, who, number, name, note, chosen)
        except UnknownError:
            raise
        except StoreRefusedError as error:
            problems = {"groups": refusal_text(error)}
        if problems:
            more = {"name": name, "note": note, "chosen": chosen, "problems": problems}
            shown = await shown_meter(services, number, back, **more)
            return page(request, "meter_facts.html", status=422, **shown)
        flash(request, "success", _("Saved."))
        return go_to(request, meter_path(number))

    return routes


def note_problem(note: str) -> dict[str, str]:
    """Say what is wrong with a note, by field."""
    is_clean = all(char.isprintable() or char in "\n\t" for char in note)
    if len(note) > LONGEST_NOTE or not is_clean:
        text = _("A note has at most %(count)d characters, no control characters.")
        return {"note": text % {"count": LONGEST_NOTE}}
    return {}
