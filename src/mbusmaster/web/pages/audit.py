"""Audit log: who did what, when, from where; newest first, and all of it as CSV."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from mbusmaster.web.actions.audit import audit_file
from mbusmaster.web.audit_texts import kind_texts
from mbusmaster.web.guard import Asking
from mbusmaster.web.render import page
from mbusmaster.web.services import Services
from mbusweb.locale import gettext as _

PATH: Final = "/audit"
DOWNLOAD: Final = f"{PATH}/download"
PAGE: Final = 50
"""Entries at a time."""
_LONGEST_NAME: Final = 64
_LONGEST_NUMBER: Final = 12


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    audit = services.audit

    @routes.get(PATH)
    async def show(request: Request, kind: str = "", who: str = "", before: str = "") -> Response:
        kind, who = _filter(kind, who)
        last = int(before) if before.isascii() and before.isdecimal() else None
        if len(before) > _LONGEST_NUMBER:
            last = None
        entries = audit.entries(last, PAGE + 1, kind or None, who or None)
        more, entries = len(entries) > PAGE, entries[:PAGE]
        texts = kind_texts()
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
    async def download(who_asks: Asking, kind: str = "", who: str = "") -> Response:
        kind, who = _filter(kind, who)
        name, content = audit_file(services, who_asks, kind or None, who or None)
        return StreamingResponse(
            content,
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return routes


def _filter(kind: str, who: str) -> tuple[str, str]:
    return kind if kind in kind_texts() else "", who.strip()[:_LONGEST_NAME]


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
