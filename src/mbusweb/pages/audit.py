"""Audit log: who did what, when, from where; newest first, and all of it as CSV."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from mbusweb.audit_file import audit_file
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import page, renderer_of
from mbusweb.services import BaseServices

PATH: Final = "/audit"
DOWNLOAD: Final = f"{PATH}/download"
PAGE: Final = 50
"""Entries at a time."""
_LONGEST_NAME: Final = 64
_LONGEST_NUMBER: Final = 12


def router(services: BaseServices) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    audit = services.audit

    @routes.get(PATH)
    async def show(request: Request, kind: str = "", who: str = "", before: str = "") -> Response:
        texts = renderer_of(request).product.kind_texts()
        kind, who = _filter(kind, who, texts)
        last = int(before) if before.isascii() and before.isdecimal() else None
        if len(before) > _LONGEST_NUMBER:
            last = None
        entries = audit.entries(last, PAGE + 1, kind or None, who or None)
        more, entries = len(entries) > PAGE, entries[:PAGE]
        chosen = {name: value for name, value in (("kind", kind), ("who", who)) if value}
        return page(
            request,
            "audit.html",
            entries=entries,
            texts=texts,
            choices=[("", _("Everything")), *texts.items()],
            kind=kind,
            who=who,
            names=[user.name for user in services.access.users()],
            is_first=last is None,
            first=_address(PATH, chosen),
            older=_address(PATH, {**chosen, "before": str(entries[-1].id)}) if more else "",
            download=_address(DOWNLOAD, chosen),
        )

    @routes.get(DOWNLOAD)
    async def download(request: Request, who_asks: Asking, kind: str = "", who: str = "") -> Response:
        kind, who = _filter(kind, who, renderer_of(request).product.kind_texts())
        name, content = audit_file(services, who_asks, kind or None, who or None)
        return StreamingResponse(
            content,
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return routes


def _filter(kind: str, who: str, kinds: Collection[str]) -> tuple[str, str]:
    return kind if kind in kinds else "", who.strip()[:_LONGEST_NAME]


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
