"""The audit log: who did what, when, from where."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator
from starlette.responses import Response, StreamingResponse

from mbusmaster.web.actions.audit import audit_file
from mbusmaster.web.api.callers import Calling
from mbusmaster.web.api.models import MOST_ROWS, Answer, file_of
from mbusmaster.web.audit_texts import kind_texts
from mbusmaster.web.services import Services
from mbusweb.access.audit import MOST_AT_ONCE

Who = Annotated[str | None, Query(max_length=64, description="Only what this user did.")]


def _known(kind: str | None) -> str | None:
    if kind is not None and kind not in kind_texts():
        raise ValueError("there is no such kind")
    return kind


class AuditRow(Answer):
    """One entry; ids, not times, give the order."""

    id: int
    at: datetime
    kind: str
    who: str
    source: str
    detail: str
    outcome: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])
    audit = services.audit
    OneKind = Annotated[  # noqa: N806 - a type
        str | None,
        Query(description="Only entries of this kind.", json_schema_extra={"enum": sorted(kind_texts())}),
        AfterValidator(_known),
    ]

    @routes.get("/audit")
    async def list_audit(
        before: Annotated[
            int | None, Query(ge=0, lt=MOST_ROWS, description="Only entries older than this id.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 50,
        kind: OneKind = None,
        who: Who = None,
    ) -> list[AuditRow]:
        """Give entries, the newest first; the id of the last one is `before` of the next page."""
        return [AuditRow.of(entry) for entry in audit.entries(before, limit, kind, who)]

    @routes.get("/audit.csv", response_class=Response, responses=file_of("text/csv", "The log"))
    async def download_audit(calling: Calling, kind: OneKind = None, who: Who = None) -> Response:
        """Download the log as CSV, the newest first."""
        name, content = audit_file(services, calling, kind, who)
        disposition = f'attachment; filename="{name}"'
        return StreamingResponse(content, media_type="text/csv", headers={"content-disposition": disposition})

    return routes
