"""Firmware: how the updater is, and a release file for it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.system.update import UpdateStatus
from mbusmaster.web.actions.firmware import RELEASE_NAME, SHOWN_NAME, install
from mbusmaster.web.api.callers import Calling
from mbusmaster.web.api.models import Answer, body_of, pieces
from mbusmaster.web.api.problems import declared, problem
from mbusmaster.web.locale import gettext as _
from mbusmaster.web.services import Services


class Firmware(Answer):
    """What is installed and what the updater does; `progress` is percent."""

    version: str
    status: UpdateStatus
    release: str
    progress: int
    reason: str
    server_reached: bool


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/firmware")
    async def get_firmware() -> Firmware:
        """Tell what is installed and what the updater does."""
        return _firmware(services)

    @routes.post(
        "/firmware",
        status_code=202,
        response_model=Firmware,
        responses=declared(409, 501),
        openapi_extra=body_of("application/octet-stream", "A release file", binary=True),
    )
    async def install_firmware(
        request: Request, calling: Calling, name: Annotated[str, Query(max_length=128)]
    ) -> Firmware | Response:
        """Install a release file; the master restarts itself."""
        state = services.update.state
        if state.status is UpdateStatus.NOT_AVAILABLE:
            raise NotAvailableError(state.reason)
        if state.is_busy:
            return problem(409, _("An update is under way already."))
        if not RELEASE_NAME.fullmatch(name):
            text = _("This is no firmware file: its name must be like %(name)s.") % {"name": SHOWN_NAME}
            return problem(422, text, errors={"name": text})
        await install(services, calling, name, pieces(request))
        return _firmware(services)

    return routes


def _firmware(services: Services) -> Firmware:
    state = services.update.state
    return Firmware(
        version=services.identity.firmware_version,
        status=state.status,
        release=state.release,
        progress=state.progress,
        reason=state.reason,
        server_reached=state.server_reached,
    )
