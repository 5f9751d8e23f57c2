"""Backup: the configuration as a file, and back again after a look at what it would change."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusmaster.channels.trust import TrustError
from mbusmaster.settings import SettingsError
from mbusmaster.settings.backup import MAX_SIZE, BackupError, Restored, restore
from mbusmaster.web.actions.backup import (
    changes_to_come,
    clients_in,
    make_backup,
    restore_clients,
    restore_settings,
    restore_users,
    users_in,
)
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import shown_changes
from mbusmaster.web.settings_form import problem_text, problem_texts
from mbusmaster.web.trust_texts import trust_problem
from mbusmaster.web.waiting_restore import WaitingRestores
from mbusweb.access import AccessError
from mbusweb.access_problems import access_problem
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to, page
from mbusweb.visitor import Visitor, visitor

PATH: Final = "/configuration/backup"
DOWNLOAD: Final = f"{PATH}/download"
LOOK: Final = f"{PATH}/look"
RESTORE: Final = f"{PATH}/restore"
UPLOAD_LIMITS: Final = {LOOK: MAX_SIZE + (1 << 16)}
_Refusal = BackupError | AccessError | TrustError
_REFUSALS: Final = (BackupError, AccessError, TrustError)


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

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
        except _REFUSALS as error:
            return _page(request, {"passphrase": _problem(error)}, kind="users")

    _add_restore(routes, services)
    return routes


def _add_restore(routes: APIRouter, services: Services) -> None:
    waiting = WaitingRestores(time.monotonic)

    @routes.post(LOOK)
    async def look(request: Request, who: Asking) -> Response:
        async with request.form() as form:
            file, passphrase = form.get("file"), form.get("opening", "")
            data = await file.read() if isinstance(file, UploadFile) and file.filename else b""
        if not data:
            return _page(request, {"file": _("Choose a file first.")})
        try:
            restored = await asyncio.to_thread(restore, data, str(passphrase) or None)
            users, clients = users_in(restored), clients_in(restored)
        except _REFUSALS as error:
            return _page(request, {"file": _problem(error)})
        changes = shown_changes(changes_to_come(services.settings.stored, restored.settings))
        if not changes and not users and clients is None:
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
            clients=clients,
            me=who.user,
        )

    @routes.post(RESTORE)
    async def put_back(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        restored = waiting.take(who.user, values.get("key", ""))
        if restored is None:
            flash(request, "error", _("The file was opened too long ago. Choose it again."))
            return go_to(request, PATH)
        return await _restore(
            request,
            services,
            restored,
            with_users=values.get("users") == "true",
            with_clients=values.get("clients") == "true",
        )


def _page(request: Request, problems: Mapping[str, str] | None = None, *, kind: str = "plain") -> Response:
    return page(request, "backup.html", status=422 if problems else 200, problems=problems or {}, kind=kind)


async def _download(request: Request, services: Services, passphrase: str | None) -> Response:
    """Give the file; raise `BackupError`, `AccessError` or `TrustError`."""
    name, data = await make_backup(services, visitor(request), passphrase)
    disposition = f'attachment; filename="{name}"'
    return Response(data, media_type="application/json", headers={"content-disposition": disposition})


async def _restore(
    request: Request, services: Services, restored: Restored, *, with_users: bool, with_clients: bool
) -> Response:
    who = visitor(request)
    try:
        changes = await restore_settings(services, who, restored)
        waits = any(change.needs_restart for change in changes)
        if with_clients and clients_in(restored) is not None:
            waits |= restore_clients(services, who, restored)
            flash(request, "success", _("The trusted clients were restored."))
    except SettingsError as error:
        return _page(request, {"file": " ".join(_setting_problems(error))})
    except TrustError as error:
        return _page(request, {"file": trust_problem(error)})
    if with_users and users_in(restored):
        return await _restore_users(request, services, who, restored)
    flash(request, "success", _restored_text(len(changes), waits=waits))
    return go_to(request, "/configuration/restart" if waits else PATH)


async def _restore_users(request: Request, services: Services, who: Visitor, restored: Restored) -> Response:
    """Put the users of the file in the place of all; every login ends, also this one."""
    try:
        await restore_users(services, who, restored)
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


def _problem(error: _Refusal) -> str:
    """Give what is wrong with a file or a passphrase, in the visitor's language."""
    if isinstance(error, AccessError):
        return access_problem(error)
    if isinstance(error, TrustError):
        return trust_problem(error)
    if error.problems:
        return " ".join(problem_text(one, with_title=True) for one in error.problems)
    return _(str(error.key)).format(**error.values)
