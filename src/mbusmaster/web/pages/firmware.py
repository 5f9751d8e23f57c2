"""Firmware update: a release file by button or drag-and-drop, and whether updates come by themselves (guide 3.1.7)."""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusmaster.errors import MasterError
from mbusmaster.system.update import UpdateStatus
from mbusmaster.web.actions.firmware import MAX_SIZE, RELEASE_NAME, SHOWN_NAME, install
from mbusmaster.web.filled_form import filled_form
from mbusmaster.web.forms import form_values
from mbusmaster.web.locale import gettext as _
from mbusmaster.web.render import flash, fragment, go_to, page
from mbusmaster.web.services import Services
from mbusmaster.web.settings_form import save_settings
from mbusmaster.web.visitor import visitor

PATH: Final = "/configuration/firmware"
UPLOAD: Final = f"{PATH}/upload"
STATE: Final = f"{PATH}/state"
SECTION: Final = "firmware"
NAME_HEADER: Final = "x-file-name"
"""Of a body that is the file itself, as the page's script sends it; percent-encoded."""
UPLOAD_LIMITS: Final = {UPLOAD: MAX_SIZE + (1 << 16)}
_PIECE: Final = 64 << 10


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def save(request: Request) -> Response:
        problems = await save_settings(request, services, await form_values(request), SECTION)
        return _page(request, services, problems) if problems else go_to(request, PATH)

    @routes.get(STATE)
    async def state(request: Request) -> Response:
        return fragment(
            request, "parts/update_state.html", state=services.update.state, status_text=_status(services)
        )

    @routes.post(UPLOAD)
    async def upload(request: Request) -> Response:
        if name := unquote(request.headers.get(NAME_HEADER, "")):
            await _install(request, services, name, request.stream())
            return go_to(request, PATH)
        async with request.form() as form:
            file = form.get("file")
            if isinstance(file, UploadFile) and file.filename:
                await _install(request, services, file.filename, _pieces(file))
            else:
                flash(request, "error", _("Choose a file first."))
        return go_to(request, PATH)

    return routes


def _page(request: Request, services: Services, problems: dict[str, str] | None = None) -> Response:
    return page(
        request,
        "firmware.html",
        status=422 if problems else 200,
        form=filled_form(services.settings.stored, SECTION, problems=problems),
        state=services.update.state,
        status_text=_status(services),
        refusal=_refusal(services),
        version=services.identity.firmware_version,
        file_name=SHOWN_NAME,
        pattern=RELEASE_NAME.pattern,
        max_size=MAX_SIZE,
    )


def _refusal(services: Services) -> str:
    """Say why no file is taken now; empty where one is."""
    state = services.update.state
    if state.status is UpdateStatus.NOT_AVAILABLE:
        return _(state.reason)
    return _("An update is under way already.") if state.is_busy else ""


async def _install(request: Request, services: Services, name: str, content: AsyncIterator[bytes]) -> None:
    if refusal := _refusal(services):
        flash(request, "error", refusal)
        return
    if not RELEASE_NAME.fullmatch(name):
        text = _("This is no firmware file: its name must be like %(name)s.") % {"name": SHOWN_NAME}
        flash(request, "error", text)
        return
    try:
        await install(services, visitor(request), name, content)
    except MasterError as error:
        flash(request, "error", _(str(error)))
        return
    text = _(
        "The file is here. Unpacking and installing it takes about 10 minutes. Do not restart: the master does."
    )
    flash(request, "success", text)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece


def _status(services: Services) -> str:
    return {
        UpdateStatus.NOT_AVAILABLE: _("Not available"),
        UpdateStatus.IDLE: _("Nothing to do"),
        UpdateStatus.RECEIVING: _("Receiving the file"),
        UpdateStatus.CHECKING: _("Checking the file"),
        UpdateStatus.INSTALLING: _("Installing: do not switch off"),
        UpdateStatus.INSTALLED: _("Installed"),
        UpdateStatus.FAILED: _("Failed"),
    }[services.update.state.status]
