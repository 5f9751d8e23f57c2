"""Firmware update: a release file by button or drag-and-drop, and whether updates come by themselves (guide 3.1.7)."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.errors import MasterError
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.system.update import Outcome, ServerCheck, UpdateError, UpdateKind, UpdateState, UpdateStatus
from mbusmaster.web.actions.firmware import (
    MAX_SIZE,
    RELEASE_NAME,
    SHOWN_NAME,
    ask_server,
    declared_size,
    install,
    install_offered,
    refusal,
)
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.services import Services
from mbusmaster.web.settings_form import save_settings
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import format_datetime, said
from mbusweb.locale import gettext as _
from mbusweb.render import flash, fragment, go_to, page
from mbusweb.texts import Text
from mbusweb.visitor import visitor

PATH: Final = "/configuration/firmware"
UPLOAD: Final = f"{PATH}/upload"
STATE: Final = f"{PATH}/state"
CHECK: Final = f"{PATH}/check"
OFFERED: Final = f"{PATH}/offered"
SETTINGS: Final = ("firmware.automatic", "firmware.server")
NAME_HEADER: Final = "x-file-name"
"""Of a body that is the file itself, as the page's script sends it; percent-encoded."""
UPLOAD_LIMITS: Final = {UPLOAD: MAX_SIZE + (1 << 16)}
HISTORY: Final = 10
"""Entries of the audit log."""
_PIECE: Final = 64 << 10


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        problems = await save_settings(request, services, await form_values(request), *SETTINGS)
        return _page(request, services, problems) if problems else go_to(request, PATH)

    @routes.get(STATE)
    async def state(request: Request) -> Response:
        """Give what a page that waits shows next; when nothing moves any more, it loads anew, also after a restart."""
        if not services.update.state.is_moving:
            return go_to(request, PATH)
        return fragment(request, "parts/update_state.html", **_shown_state(services))

    @routes.post(UPLOAD)
    async def upload(request: Request) -> Response:
        if name := unquote(request.headers.get(NAME_HEADER, "")):
            await _install(request, services, name, request.stream(), declared_size(request.headers))
            return go_to(request, PATH)
        async with request.form() as form:
            file = form.get("file")
            if isinstance(file, UploadFile) and file.filename:
                await _install(request, services, file.filename, _pieces(file), file.size)
            else:
                flash(request, "error", _("Choose a file first."))
        return go_to(request, PATH)

    @routes.post(CHECK)
    async def check(request: Request, who: Asking) -> Response:
        await _told(request, ask_server(services, who))
        return go_to(request, PATH)

    @routes.post(OFFERED)
    async def offered(request: Request, who: Asking) -> Response:
        await _told(request, install_offered(services, who))
        return go_to(request, PATH)

    return routes


def _page(request: Request, services: Services, problems: dict[str, str] | None = None) -> Response:
    return page(
        request,
        "firmware.html",
        status=422 if problems else 200,
        form=filled_form(services.settings.stored, *SETTINGS, problems=problems),
        refusal=said(refusal(services.update.state)),
        facts=_facts(services),
        history=services.audit.entries(limit=HISTORY, kind=AuditKind.FIRMWARE),
        file_name=SHOWN_NAME,
        pattern=RELEASE_NAME.pattern,
        max_size=MAX_SIZE,
        **_shown_state(services),
    )


def _shown_state(services: Services) -> dict[str, Any]:
    """Give what `parts/update_state.html` shows."""
    state = services.update.state
    return {
        "state": state,
        "status_text": _status(state),
        "reason": said(state.reason),
        "last_text": _last(state),
        "server_text": _server(state),
    }


def _facts(services: Services) -> list[tuple[str, str]]:
    """Give what is installed, row by row."""
    state = services.update.state
    rows = [(_("Firmware version"), services.identity.firmware_version)]
    if state.installed is not None:
        release = state.installed.release or _("none: the package of the operating system")
        if state.installed.on_trial:
            release = _("%(release)s (on trial)") % {"release": release}
        rows += [(_("Release"), release), (_("Slot"), state.installed.slot)]
    kinds = {
        UpdateKind.SYSTEM: _("with the tools of the operating system"),
        UpdateKind.SLOTS: _("by itself, into the slot that does not run"),
        UpdateKind.IMAGE: _("by itself, as an image of the whole system (RAUC)"),
    }
    rows.append((_("Updated"), kinds[state.kind]))
    if state.status is not UpdateStatus.NOT_AVAILABLE:
        rows.append((_("Last check of the update server"), _checked(state.server.last)))
    return rows


def _checked(check: ServerCheck | None) -> str:
    if check is None:
        return _("none since the start")
    what = said(check.problem) if check.problem else _("answered, and is who it should be")
    return f"{format_datetime(check.at)}: {what}"


def _server(state: UpdateState) -> str:
    """Say what goes on with the update server; empty where nothing does."""
    server = state.server
    if server.fetching:
        return _("Release %(release)s is fetched from the update server: %(percent)s %%") % {
            "release": server.fetching,
            "percent": server.progress,
        }
    if server.asking:
        return _("The update server is being asked.")
    if server.waiting:
        return _("Release %(release)s is here. It is installed as soon as nobody uses the bus.") % {
            "release": server.waiting
        }
    if server.last is not None and server.last.offers:
        return _("The update server has release %(release)s.") % {"release": server.last.offers}
    if server.last is not None and server.last.reached:
        return _("The newest release is installed.")
    return ""


def _last(state: UpdateState) -> str:
    """Say what became of the last release; empty where nothing is known."""
    last = state.last
    if last is None or state.is_busy or state.status in (UpdateStatus.INSTALLED, UpdateStatus.FAILED):
        return ""
    if last.outcome is Outcome.INSTALLED:
        return _("Release %(release)s is installed.") % {"release": last.release}
    return _("Release %(release)s did not start and was taken back: %(why)s") % {
        "release": last.release,
        "why": said(last.why),
    }


async def _install(
    request: Request, services: Services, name: str, content: AsyncIterator[bytes], size: int | None
) -> None:
    if why_not := said(refusal(services.update.state)):
        flash(request, "error", why_not)
        return
    if not RELEASE_NAME.fullmatch(name):
        text = _("This is no firmware file: its name must be like %(name)s.") % {"name": SHOWN_NAME}
        flash(request, "error", text)
        return
    if await _told(request, install(services, visitor(request), name, content, size)):
        text = _(
            "The file is here. Unpacking and installing it takes about 10 minutes. Do not restart: the master does."
        )
        flash(request, "success", text)


async def _told(request: Request, deed: Awaitable[None]) -> bool:
    """Do something, and tell the visitor if it is refused; give whether it was done."""
    try:
        await deed
    except MasterError as error:
        flash(request, "error", refused_text(error))
        return False
    return True


def refused_text(error: MasterError) -> str:
    """Say why the updater does not do something."""
    if isinstance(error, UpdateError):
        return said(error.text)
    return said(Text(str(error))) if isinstance(error, NotAvailableError) else str(error)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece


def _status(state: UpdateState) -> str:
    return {
        UpdateStatus.NOT_AVAILABLE: _("Not available"),
        UpdateStatus.IDLE: _("Nothing to do"),
        UpdateStatus.RECEIVING: _("Receiving the file"),
        UpdateStatus.CHECKING: _("Checking the file"),
        UpdateStatus.INSTALLING: _("Installing: do not switch off"),
        UpdateStatus.INSTALLED: _("Installed: the master restarts"),
        UpdateStatus.FAILED: _("Failed"),
    }[state.status]
