"""Local masters: added, changed, deleted; and read, and looked whether they can be reached."""

import asyncio
import contextlib
import glob
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbus.link.timing import BAUD_RATES
from mbusheadend.jobs import JobError, JobState
from mbusheadend.local import Credentials, LocalError
from mbusheadend.local.credentials import MAX_SIZE
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.local_deeds import begin_check, begin_reading, delete_local, find_local, save_master
from mbusheadend.web.local_form import WAYS, LocalForm, problem_text
from mbusheadend.web.pages.alarms import number_of
from mbusheadend.web.pages.local import PATH
from mbusheadend.web.pages.local_master import MASTER
from mbusheadend.web.services import Services
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = OPERATOR
NEW: Final = f"{PATH}/new"
SAVE: Final = f"{PATH}/save"
CHANGE: Final = f"{MASTER}/change"
DELETE: Final = f"{MASTER}/delete"
UPLOAD_LIMITS: Final = {SAVE: 2 * MAX_SIZE + (1 << 16)}
CHECK_SECONDS: Final = 8.0
"""For which somebody waits for what came of a check; then its own page tells."""
MOST_METERS: Final = 2000
_DEVICES: Final = ("/dev/serial/by-id/*", "/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyAMA*", "/dev/ttyS0")


def router(services: Services) -> APIRouter:
    """Give the routes of the pages."""
    routes = APIRouter()

    @routes.get(NEW)
    async def new(request: Request) -> Response:
        return await _form(request, services, LocalForm())

    @routes.get(CHANGE)
    async def change(request: Request, serial: str) -> Response:
        master = await find_local(services, serial)
        assert master.local is not None, "it is read locally"
        return await _form(request, services, LocalForm.of(serial, master.name, master.local))

    @routes.post(SAVE)
    async def save(request: Request, who: Asking) -> Response:
        async with request.form() as sent:
            form = LocalForm.read({name: text for name, text in sent.items() if isinstance(text, str)})
            passphrase = sent.get("passphrase")
            files = Credentials(
                await _file(sent.get("bundle")),
                passphrase if isinstance(passphrase, str) and passphrase else None,
                await _file(sent.get("authority")),
            )
        if form.serial:
            await find_local(services, form.serial)
        patience = form.patience()
        if form.check() and patience is not None:
            try:
                is_new = not form.serial
                serial = await save_master(services, who, form.serial, form.name, form.url, patience, files)
            except LocalError as error:
                form.problems[""] = problem_text(error)
            else:
                text = _("Saved. Now import its list of meters.") if is_new else _("Saved.")
                flash(request, "success", text)
                return go_to(request, f"{PATH}/{serial}")
        return await _form(request, services, form)

    _add_rest(routes, services)
    return routes


def _add_rest(routes: APIRouter, services: Services) -> None:
    @routes.post(f"{MASTER}/read")
    async def read(request: Request, serial: str, who: Asking) -> Response:
        master = await find_local(services, serial)
        async with request.form() as form:
            is_all = form.get("which") == "all"
            texts = [text for text in form.getlist("meter") if isinstance(text, str)][:MOST_METERS]
        which = {number for number in map(number_of, texts) if number is not None}
        if not which and not is_all:
            flash(request, "warning", _("Choose a meter first."))
            return go_to(request, f"{PATH}/{serial}")
        try:
            begin_reading(services, who, master, set() if is_all else which)
        except JobError as error:
            flash(request, "error", f"{said(error.text)}.")
        return go_to(request, f"{PATH}/{serial}")

    @routes.post(f"{MASTER}/check")
    async def check(request: Request, serial: str, who: Asking) -> Response:
        master = await find_local(services, serial)
        try:
            job = begin_check(services, who, master)
        except JobError as error:
            flash(request, "error", f"{said(error.text)}.")
            return go_to(request, f"{PATH}/{serial}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS):
                await services.jobs.wait(job.id)
        if job.is_at_work:
            return go_to(request, f"/jobs/{job.id}")
        is_done = job.state is JobState.DONE
        flash(request, "success" if is_done else "error", f"{said(job.outcome).rstrip('.')}.")
        return go_to(request, f"{PATH}/{serial}")

    @routes.get(DELETE)
    async def ask_delete(request: Request, serial: str) -> Response:
        master = await find_local(services, serial)
        return ask(
            request,
            title=_("Delete this local master?"),
            question=_("“%(master)s” and its keys are forgotten. Its meters and what was read of them stay.")
            % {"master": master.name or serial},
            yes=_("Delete"),
            path_yes=DELETE.format(serial=serial),
            path_no=f"{PATH}/{serial}",
        )

    @routes.post(DELETE)
    async def delete(request: Request, serial: str, who: Asking) -> Response:
        await find_local(services, serial)
        try:
            await delete_local(services, who, serial)
        except LocalError as error:
            flash(request, "error", problem_text(error))
        else:
            flash(request, "success", _("The local master is deleted."))
        return go_to(request, PATH)


async def _file(sent: object) -> bytes | None:
    """Give what a file holds; one byte more than may be, so that a file that is too long shows."""
    if not isinstance(sent, UploadFile) or not sent.filename:
        return None
    return await sent.read(MAX_SIZE + 1)


async def _form(request: Request, services: Services, form: LocalForm) -> Response:
    ways = {
        "serial": _("Serial port of this machine (USB)"),
        "tcp": _("Network, not encrypted (TCP)"),
        "tls": _("Network, encrypted (TLS)"),
        "rfc2217": _("Serial port of another machine (RFC 2217)"),
    }
    kept = await services.store.local_keys_kept(form.serial) if form.serial else None
    return page(
        request,
        "local_form.html",
        status=422 if form.problems else 200,
        form=form,
        ways=[(way, ways[way]) for way in WAYS],
        rates=[(str(rate), str(rate)) for rate in sorted(BAUD_RATES)],
        devices=await asyncio.to_thread(_devices),
        kept=kept,
    )


def _devices() -> list[str]:
    return sorted({path for pattern in _DEVICES for path in glob.glob(pattern)})
