"""Backup: made as a job, then a file to be fetched."""

from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, Response

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.backup.desk import KIND
from mbusheadend.jobs import JobError
from mbusheadend.web.door import ADMIN
from mbusheadend.web.job_live import job_events, shown_job
from mbusheadend.web.services import Services
from mbusio.sealing import LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE
from mbusweb.events import event_stream
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import said
from mbusweb.own_password import OWN, own_password_problem
from mbusweb.render import flash, go_to, page, renderer_of

DOOR: Final = ADMIN
OF_INSTALLATION: Final = True
PATH: Final = "/backup"
FILE: Final = f"{PATH}/file"
DELETE: Final = f"{PATH}/delete"
EVENTS: Final = f"{PATH}/events"


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    backups = services.backups

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.get(EVENTS)
    async def events(request: Request, who: Asking) -> Response:
        render = renderer_of(request).fragment

        async def part() -> str:
            return render("parts/backup_live.html", visitor=who, **_shown(services))

        def is_over() -> bool:
            return not any(job.is_at_work for job in services.jobs.list(KIND))

        return event_stream(request, job_events(services.jobs, part, is_over))

    @routes.post(PATH)
    async def make(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        passphrase = values.get("passphrase", "")
        problems = passphrase_problems(passphrase, values.get("again", ""))
        if not problems and (problem := await own_password_problem(request, services, values.get(OWN, ""))):
            problems = {OWN: problem}
        if problems:
            return _page(request, services, problems)
        try:
            backups.start(services.jobs, who.user, passphrase or None)
        except JobError as error:
            flash(request, "error", f"{said(error.text)}.")
            return go_to(request, PATH)
        detail = f"backup made, secrets {'under a passphrase' if passphrase else 'in the clear'}"
        services.audit.record(AuditKind.BACKUP, who=who.user, source=who.source, detail=detail)
        return go_to(request, PATH)

    @routes.get(FILE)
    async def file(who: Asking) -> Response:
        ready = backups.ready
        if ready is None:
            raise HTTPException(404)
        services.audit.record(AuditKind.DOWNLOAD, who=who.user, source=who.source, detail=ready.path.name)
        return FileResponse(ready.path, filename=ready.path.name, media_type="application/x-tar")

    @routes.post(DELETE)
    async def delete(request: Request) -> Response:
        backups.forget()
        flash(request, "success", _("The file is deleted here."))
        return go_to(request, PATH)

    return routes


def passphrase_problems(passphrase: str, again: str) -> dict[str, str]:
    """Say what is wrong with a passphrase, by field; none at all is right too."""
    if passphrase and not SHORTEST_PASSPHRASE <= len(passphrase) <= LONGEST_PASSPHRASE:
        return {
            "passphrase": _("A passphrase has at least %(count)d characters.")
            % {"count": SHORTEST_PASSPHRASE}
        }
    return {} if passphrase == again else {"again": _("The two passphrases differ.")}


def _shown(services: Services) -> dict[str, object]:
    job = next(iter(services.jobs.list(KIND)), None)
    return {"row": None if job is None else shown_job(job), "ready": services.backups.ready}


def _page(request: Request, services: Services, problems: dict[str, str] | None = None) -> Response:
    shown = _shown(services)
    return page(
        request,
        "backup.html",
        status=422 if problems else 200,
        problems=problems or {},
        state=services.settings.state_folder,
        is_at_work=any(job.is_at_work for job in services.jobs.list(KIND)),
        **shown,
    )
