"""Firmware: what is installed, how the updater is, a release file for it, and the update server."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.system.update import Outcome, UpdateError, UpdateKind, UpdateStatus
from mbusmaster.web.actions.firmware import (
    RELEASE_NAME,
    SHOWN_NAME,
    ask_server,
    declared_size,
    install,
    install_offered,
    refusal,
)
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, body_of, pieces
from mbusweb.api.problems import declared, problem
from mbusweb.locale import gettext as _
from mbusweb.locale import said


class InstalledRelease(Answer):
    """What runs: `release` is empty where it is none, and `on_trial` until it proved well."""

    release: str
    version: str
    slot: str
    on_trial: bool


class LastRelease(Answer):
    """What became of the last release, and why it was taken back if so."""

    release: str
    outcome: Outcome
    why: str


class LastCheck(Answer):
    """What came of asking the update server; `offers` is the number of a newer release, or empty."""

    at: datetime
    reached: bool
    offers: str
    problem: str


class Server(Answer):
    """How it stands with the update server, or the head-end in its place; `waiting` is a release that waits for a quiet bus."""

    url: str
    is_head_end: bool
    asking: bool
    fetching: str
    progress: int
    waiting: str
    last: LastCheck | None


class Firmware(Answer):
    """What is installed and what the updater does; `progress` is percent."""

    version: str
    kind: UpdateKind
    status: UpdateStatus
    release: str
    progress: int
    reason: str
    server_reached: bool
    installed: InstalledRelease | None
    last: LastRelease | None
    server: Server


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
        if why_not := _refusal(services):
            return why_not
        if not RELEASE_NAME.fullmatch(name):
            text = _("This is no firmware file: its name must be like %(name)s.") % {"name": SHOWN_NAME}
            return problem(422, text, errors={"name": text})
        try:
            await install(services, calling, name, pieces(request), declared_size(request.headers))
        except UpdateError as error:
            return problem(422, said(error.text))
        return _firmware(services)

    @routes.post("/firmware/check", status_code=202, response_model=Firmware, responses=declared(409, 501))
    async def check_server(calling: Calling) -> Firmware | Response:
        """Ask the update server now."""
        if why_not := _refusal(services):
            return why_not
        try:
            await ask_server(services, calling)
        except UpdateError as error:
            return problem(409, said(error.text))
        return _firmware(services)

    @routes.post("/firmware/offered", status_code=202, response_model=Firmware, responses=declared(409, 501))
    async def install_what_is_offered(calling: Calling) -> Firmware | Response:
        """Install what the update server offers; the master restarts itself."""
        if why_not := _refusal(services):
            return why_not
        try:
            await install_offered(services, calling)
        except UpdateError as error:
            return problem(409, said(error.text))
        return _firmware(services)

    return routes


def _refusal(services: Services) -> Response | None:
    state = services.update.state
    if state.status is UpdateStatus.NOT_AVAILABLE:
        raise NotAvailableError(state.reason.template)
    why = refusal(state)
    return problem(409, said(why)) if why else None


def _firmware(services: Services) -> Firmware:
    state = services.update.state
    last, check = state.last, state.server.last
    return Firmware(
        version=services.identity.firmware_version,
        kind=state.kind,
        status=state.status,
        release=state.release,
        progress=state.progress,
        reason=said(state.reason),
        server_reached=state.server_reached,
        installed=InstalledRelease.of(state.installed) if state.installed else None,
        last=LastRelease(release=last.release, outcome=last.outcome, why=said(last.why)) if last else None,
        server=Server(
            url=state.server.url,
            is_head_end=state.server.is_head_end,
            asking=state.server.asking,
            fetching=state.server.fetching,
            progress=state.server.progress,
            waiting=state.server.waiting,
            last=LastCheck(
                at=check.at, reached=check.reached, offers=check.offers, problem=said(check.problem)
            )
            if check
            else None,
        ),
    )
