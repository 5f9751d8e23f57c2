"""Backup: the configuration as a file, and back again after a look at what it would change."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusmaster.access import AccessError, AuditKind
from mbusmaster.access.backup import unpack
from mbusmaster.settings import Change, Settings, SettingsError
from mbusmaster.settings.backup import MAX_SIZE, BackupError, Restored, restore, save
from mbusmaster.settings.service import differences
from mbusmaster.settings.tree import spot
from mbusmaster.web.access_problems import access_problem
from mbusmaster.web.forms import form_values
from mbusmaster.web.guard import Asking
from mbusmaster.web.locale import gettext as _
from mbusmaster.web.locale import ngettext
from mbusmaster.web.render import flash, go_to, page
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import audit_details, shown_changes
from mbusmaster.web.settings_form import problem_text, problem_texts
from mbusmaster.web.visitor import Visitor, visitor
from mbusmaster.web.waiting_restore import WaitingRestores

PATH: Final = "/configuration/backup"
DOWNLOAD: Final = f"{PATH}/download"
LOOK: Final = f"{PATH}/look"
RESTORE: Final = f"{PATH}/restore"
UPLOAD_LIMITS: Final = {LOOK: MAX_SIZE + (1 << 16)}
USERS: Final = "users"
"""Name of the secret with names and hashes of the users."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    waiting = WaitingRestores(time.monotonic)

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request)

    @routes.post(DOWNLOAD)
    async def download(request: Request) -> Response:
        values = await form_values(request)
        with_users = values.get("kind") == "users"
        passphrase = values.get("passphrase", "") if with_users else None
        if with_users and passphrase != values.get("again", ""):
            return _page(request, {"again": _("The two passphrases differ.")}, kind="users")
        try:
            return await _download(request, services, passphrase)
        except BackupError as error:
            return _page(request, {"passphrase": _backup_problem(error)}, kind="users")
        except AccessError as error:
            return _page(request, {"passphrase": access_problem(error)}, kind="users")

    @routes.post(LOOK)
    async def look(request: Request, who: Asking) -> Response:
        async with request.form() as form:
            file, passphrase = form.get("file"), form.get("opening", "")
            data = await file.read() if isinstance(file, UploadFile) and file.filename else b""
        if not data:
            return _page(request, {"file": _("Choose a file first.")})
        try:
            restored = await asyncio.to_thread(restore, data, str(passphrase) or None)
            users = _users_in(restored)
        except BackupError as error:
            return _page(request, {"file": _backup_problem(error)})
        except AccessError as error:
            return _page(request, {"file": access_problem(error)})
        changes = shown_changes(_to_come(services.settings.stored, restored.settings))
        if not changes and not users:
            flash(request, "success", _("The file has nothing that is not in force here already."))
            return go_to(request, PATH)
        key = waiting.keep(who.user, restored)
        return page(
            request,
            "restore.html",
            key=key,
            header=restored.header,
            changes=changes,
            users=users,
            me=who.user,
        )

    @routes.post(RESTORE)
    async def put_back(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        restored = waiting.take(who.user, values.get("key", ""))
        if restored is None:
            flash(request, "error", _("The file was opened too long ago. Choose it again."))
            return go_to(request, PATH)
        return await _restore(request, services, restored, with_users=values.get("users") == "true")

    return routes


def _page(request: Request, problems: Mapping[str, str] | None = None, *, kind: str = "plain") -> Response:
    return page(request, "backup.html", status=422 if problems else 200, problems=problems or {}, kind=kind)


async def _download(request: Request, services: Services, passphrase: str | None) -> Response:
    """Give the file; raise `BackupError` or `AccessError`."""
    now, serial_number = services.now(), services.identity.serial_number
    make = partial(
        save,
        services.settings.stored,
        made_at=now,
        serial_number=serial_number,
        passphrase=passphrase,
        secrets=None if passphrase is None else {USERS: services.access.export_secrets()},
    )
    data = await asyncio.to_thread(make)
    name = f"mbusmaster-{serial_number}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"
    who = visitor(request)
    detail = name if passphrase is None else f"{name}, with users"
    services.audit.record(AuditKind.BACKUP, who=who.user, source=who.source, detail=detail)
    disposition = f'attachment; filename="{name}"'
    return Response(data, media_type="application/json", headers={"content-disposition": disposition})


def _users_in(restored: Restored) -> tuple[str, ...]:
    """Give the names of the users in a file; raise `AccessError` where they cannot be used."""
    data = restored.secrets.get(USERS)
    return tuple(name for name, _hash in unpack(data)) if data else ()


def _to_come(stored: Settings, restored: Settings) -> tuple[Change, ...]:
    """Give what would change; what belongs to this machine stays as it is."""
    return tuple(
        change
        for change in differences(stored, restored)
        if (here := spot(change.path)) is None or not here.of_machine
    )


async def _restore(request: Request, services: Services, restored: Restored, *, with_users: bool) -> Response:
    who = visitor(request)
    try:
        changes = await asyncio.to_thread(services.settings.replace, restored.settings)
    except SettingsError as error:
        return _page(request, {"file": " ".join(_setting_problems(error))})
    header = restored.header
    origin = f"file of {header.serial_number} made {header.made_at:%Y-%m-%d %H:%M}Z"
    services.audit.record(AuditKind.RESTORE, who=who.user, source=who.source, detail=origin)
    for detail in audit_details(changes):
        services.audit.record(AuditKind.RESTORE, who=who.user, source=who.source, detail=detail)
    if with_users and _users_in(restored):
        return await _restore_users(request, services, who, restored.secrets[USERS])
    waits = any(change.needs_restart for change in changes)
    flash(request, "success", _restored_text(len(changes), waits=waits))
    return go_to(request, "/configuration/restart" if waits else PATH)


async def _restore_users(request: Request, services: Services, who: Visitor, data: bytes) -> Response:
    """Put the users of the file in the place of all; every login ends, also this one."""
    try:
        await services.access.import_secrets(data, who=who.user, source=who.source)
    except AccessError as error:
        return _page(request, {"file": access_problem(error)})
    return go_to(request, "/login")


def _restored_text(count: int, *, waits: bool) -> str:
    text = ngettext("%(count)d setting was restored.", "%(count)d settings were restored.", count)
    if waits:
        text = ngettext(
            "%(count)d setting was restored. A restart is needed.",
            "%(count)d settings were restored. A restart is needed.",
            count,
        )
    return text % {"count": count}


def _setting_problems(error: SettingsError) -> list[str]:
    problems = [problem_text(one, with_title=True) for one in error.problems]
    return problems or list(problem_texts(error).values())


def _backup_problem(error: BackupError) -> str:
    """Give what is wrong with a file or a passphrase, in the visitor's language."""
    if error.problems:
        return " ".join(problem_text(one, with_title=True) for one in error.problems)
    return _(str(error.key)).format(**error.values)
