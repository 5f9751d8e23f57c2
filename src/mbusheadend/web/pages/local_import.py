"""The list of meters of a local master, from the CSV that the master exports: what it says first, then taken whole."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusheadend.fleet.imports import Effect, plan_import
from mbusheadend.local import LocalError
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.local_deeds import find_local, take_list
from mbusheadend.web.local_form import problem_text
from mbusheadend.web.pages.local import PATH
from mbusheadend.web.parcels import keep
from mbusheadend.web.parcels import take as take_kept
from mbusheadend.web.problem_texts import line_problems
from mbusheadend.web.services import Services
from mbusio.meterfile import MAX_SIZE
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to, page

DOOR: Final = OPERATOR
IMPORT: Final = f"{PATH}/import"
TAKE: Final = f"{IMPORT}/take"
UPLOAD_LIMITS: Final = {IMPORT: MAX_SIZE + (1 << 16)}
MOST_SHOWN: Final = 200
"""Lines of a preview."""


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.post(IMPORT)
    async def upload(request: Request, who: Asking) -> Response:
        async with request.form() as form:
            file, serial = form.get("file"), str(form.get("master", ""))
            master = await find_local(services, serial)
            if not isinstance(file, UploadFile) or not file.filename:
                flash(request, "error", _("Choose a file first."))
                return go_to(request, f"{PATH}/{serial}")
            data = await file.read(MAX_SIZE + 1)
        plan = await plan_import(services.desk, serial, data)
        buses = sorted({line.meter.bus for line in plan.lines})
        is_good = bool(plan.lines) and not plan.report.problem_count
        return page(
            request,
            "local_import.html",
            status=200 if is_good else 422,
            master=master,
            plan=plan,
            lines=plan.lines[:MOST_SHOWN],
            more=max(0, len(plan.lines) - MOST_SHOWN),
            counts={effect: plan.count(effect) for effect in Effect},
            buses=buses,
            bus_choices=[(bus, bus) for bus in buses],
            problems=line_problems(plan.report),
            key=await keep(services, who, data) if is_good else "",
        )

    @routes.post(TAKE)
    async def take(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        serial, data = values.get("master", ""), await take_kept(services, who, values.get("key", ""))
        await find_local(services, serial)
        if data is None:
            flash(request, "error", _("The file was sent too long ago. Choose it again."))
            return go_to(request, f"{PATH}/{serial}")
        try:
            done = await take_list(services, who, serial, data, values.get("bus", "")[:64] or None)
        except LocalError as error:
            flash(request, "error", problem_text(error))
            return go_to(request, f"{PATH}/{serial}")
        new, elsewhere = len(done.new), len(done.elsewhere)
        text = ngettext("%(num)d meter is new.", "%(num)d meters are new.", new) % {"num": new}
        if elsewhere:
            text += " " + ngettext(
                "%(num)d stays at the master that reads it.",
                "%(num)d stay at the masters that read them.",
                elsewhere,
            ) % {"num": elsewhere}
        flash(request, "success", text)
        return go_to(request, f"{PATH}/{serial}")

    return routes
