"""A certificate from elsewhere: upload of an authority or of a single client's certificate that shall be trusted."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from mbusmaster.channels.trust import Kind, TrustError
from mbusmaster.channels.trust.foreign import MAX_SIZE
from mbusmaster.web.actions import clients
from mbusmaster.web.pages.trusted_clients import PATH, trust_of
from mbusmaster.web.services import Services
from mbusmaster.web.trust_texts import kind_texts, trust_problem
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import flash, go_to, page

ADD: Final = f"{PATH}/add"
UPLOAD_LIMITS: Final = {ADD: MAX_SIZE + (1 << 16)}


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(ADD)
    async def show(request: Request) -> Response:
        trust_of(services)
        return _page(request)

    @routes.post(ADD)
    async def add(request: Request, who: Asking) -> Response:
        trust = trust_of(services)
        async with request.form() as form:
            file, kind = form.get("file"), form.get("kind")
            data = await file.read(MAX_SIZE + 1) if isinstance(file, UploadFile) and file.filename else b""
        if kind not in set(Kind):
            return _page(request, {"kind": _("Choose one of the list.")})
        expected = Kind(str(kind))
        if not data:
            return _page(request, {"file": _("Choose a file first.")}, expected)
        try:
            added = clients.add_certificate(services, who, trust, data, expected)
        except TrustError as error:
            return _page(request, {"file": trust_problem(error)}, expected)
        flash(request, "success", _("The certificate %(name)s is trusted now.") % {"name": added.name})
        return go_to(request, PATH)

    return routes


def _page(request: Request, problems: dict[str, str] | None = None, kind: Kind = Kind.SINGLE) -> Response:
    return page(
        request,
        "client_certificate.html",
        status=422 if problems else 200,
        problems=problems or {},
        kind=kind,
        kinds=kind_texts(),
    )
