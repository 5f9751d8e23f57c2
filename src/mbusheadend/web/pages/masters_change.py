"""What operators do to a master: name, groups, a list of meters from a file, commands taken back."""

import re
import secrets
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusheadend.fleet.imports import Effect, plan_import
from mbusheadend.store import StoreRefusedError, UnknownError
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import cancel_command, end_tunnel, renew_list, set_master, take_import
from mbusheadend.web.pages.masters import MASTER, PATH, master_path, shown_master
from mbusheadend.web.pages.meters_one import LONGEST_NAME
from mbusheadend.web.parcels import keep
from mbusheadend.web.parcels import take as take_kept
from mbusheadend.web.problem_texts import line_problems, refusal_text
from mbusheadend.web.services import Services
from mbusio.meterfile import MAX_SIZE
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to, page

DOOR: Final = OPERATOR
IMPORT: Final = f"{PATH}/import"
TAKE: Final = f"{PATH}/import/take"
UPLOAD_LIMITS: Final = {IMPORT: MAX_SIZE + (1 << 16)}
MOST_SHOWN: Final = 200
"""Lines of a preview."""


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(f"{MASTER}/edit")
    async def edit(request: Request, serial: str, who: Asking) -> Response:
        async with request.form() as form:
            name = str(form.get("name", "")).strip()
            chosen = frozenset(map(str, form.getlist("group"))) | new_groups(str(form.get("new_groups", "")))
        problem = name_problem(name)
        try:
            if not problem:
                await set_master(services, who, serial, name, chosen)
        except UnknownError:
            raise
        except StoreRefusedError as error:
            problem = {"groups": refusal_text(error)}
        if problem:
            shown = await shown_master(services, serial, name=name, chosen=chosen, problems=problem)
            return page(request, "master.html", status=422, **shown)
        flash(request, "success", _("Saved."))
        return go_to(request, master_path(serial))

    @routes.post(f"{MASTER}/list")
    async def renew(request: Request, serial: str, who: Asking) -> Response:
        await renew_list(services, who, serial, f"list-{secrets.token_hex(8)}")
        flash(request, "success", _("The master sends its meter list again when it calls next."))
        return go_to(request, master_path(serial))

    @routes.post(f"{MASTER}/commands/{{id}}/cancel")
    async def cancel(request: Request, serial: str, id: str, who: Asking) -> Response:
        try:
            await cancel_command(services, who, serial, id)
        except UnknownError:
            flash(request, "warning", _("It had ended already."))
        else:
            flash(request, "success", _("It was taken back."))
        return go_to(request, master_path(serial))

    @routes.post(f"{MASTER}/tunnels/{{id}}/end")
    async def end(request: Request, serial: str, id: str, who: Asking) -> Response:
        try:
            await end_tunnel(services, who, serial, id)
        except UnknownError:
            flash(request, "warning", _("It had ended already."))
        else:
            flash(request, "success", _("The tunnel was ended."))
        return go_to(request, master_path(serial))

    _add_import(routes, services)
    return routes


def _add_import(routes: APIRouter, services: Services) -> None:
    @routes.post(IMPORT)
    async def upload(request: Request, who: Asking) -> Response:
        async with request.form() as form:
            file, serial = form.get("file"), str(form.get("master", ""))
            await services.store.master(serial)
            if not isinstance(file, UploadFile) or not file.filename:
                flash(request, "error", _("Choose a file first."))
                return go_to(request, master_path(serial))
            # One byte more than may be, so that a file that is too long shows.
            data = await file.read(MAX_SIZE + 1)
        plan = await plan_import(services.desk, serial, data)
        return page(
            request,
            "master_import.html",
            status=200 if plan.lines else 422,
            master=await services.store.master(serial),
            plan=plan,
            lines=plan.lines[:MOST_SHOWN],
            more=max(0, len(plan.lines) - MOST_SHOWN),
            counts={effect: plan.count(effect) for effect in Effect},
            problems=line_problems(plan.report),
            key=await keep(services, who, data) if plan.changes else "",
        )

    @routes.post(TAKE)
    async def take(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        serial, data = values.get("master", ""), await take_kept(services, who, values.get("key", ""))
        await services.store.master(serial)
        if data is None:
            flash(request, "error", _("The file was sent too long ago. Choose it again."))
            return go_to(request, master_path(serial))
        plan = await plan_import(services.desk, serial, data)
        new, completed = await take_import(services, who, serial, plan), plan.count(Effect.COMPLETED)
        text = ngettext("%(num)d meter is new", "%(num)d meters are new", new) % {"num": new}
        more = ngettext("%(num)d was completed", "%(num)d were completed", completed) % {"num": completed}
        flash(request, "success", f"{text}, {more}.")
        return go_to(request, master_path(serial))


def name_problem(name: str) -> dict[str, str]:
    """Say what is wrong with a name, by field."""
    if len(name) > LONGEST_NAME or (name and not name.isprintable()):
        return {"name": _("A name has at most %(count)d printable characters.") % {"count": LONGEST_NAME}}
    return {}


def new_groups(text: str) -> frozenset[str]:
    """Give the names of new groups, with commas between them."""
    return frozenset(part for part in (re.sub(r"\s+", " ", part).strip() for part in text.split(",")) if part)
