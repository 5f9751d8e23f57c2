"""The audit log in the API of a product."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator
from starlette.responses import Response, StreamingResponse

from mbusweb.access.audit import MOST_AT_ONCE
from mbusweb.api.callers import Calling
from mbusweb.api.models import MOST_ROWS, Answer, file_of
from mbusweb.audit_file import audit_file
from mbusweb.services import BaseServices

Who = Annotated[str | None, Query(max_length=64, description="Only what this user did.")]


class AuditRow(Answer):
    """One entry; ids, not times, give the order."""

    id: int
    at: datetime
    kind: str
    who: str
    source: str
    detail: str
    outcome: str


def audit_routes(services: BaseServices, kinds: Collection[str]) -> APIRouter:
    """Give the routes.

    :param kinds: those that the product writes.
    """

    def known(kind: str | None) -> str | None:
        if kind is not None and kind not in kinds:
            raise ValueError("there is no such kind")
        return kind

    routes = APIRouter(tags=["system"])
    audit = services.audit
    OneKind = Annotated[  # noqa: N806 - a type
        str | None,
        Query(description="Only entries of this kind.", json_schema_extra={"enum": sorted(kinds)}),
        AfterValidator(known),
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
