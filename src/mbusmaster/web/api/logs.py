"""The system log, the debug log, and the archive for support."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from mbusmaster.system.logs import LONGEST_CAPTURE, Logs
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.actions.logs import capture_debug, make_archive
from mbusmaster.web.api.callers import Calling
from mbusmaster.web.api.models import MOST_ROWS, Answer, Given, Whole
from mbusmaster.web.api.problems import declared
from mbusmaster.web.locale import mark
from mbusmaster.web.pages.log import LEVELS
from mbusmaster.web.services import Services

MOST: Final = 1000
_ARCHIVE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A zip file",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class LogName(StrEnum):
    """Which log."""

    SYSTEM = "system"
    DEBUG = "debug"


class Level(StrEnum):
    """The least weight of a line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogRow(Answer):
    """One line; numbers count from the start of the master."""

    number: int
    at: datetime
    level: str
    name: str
    text: str


class CaptureGiven(Given):
    """For how many minutes to record the debug log; 0 ends that."""

    minutes: Annotated[Whole, Field(ge=0, le=int(LONGEST_CAPTURE) // 60)]


class Capture(Answer):
    """For how many more seconds the debug log is recorded."""

    seconds_left: float


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/logs/{log}", responses=declared(501))
    async def list_log(
        log: LogName,
        level: Level = Level.DEBUG,
        text: Annotated[str, Query(max_length=100)] = "",
        after: Annotated[int, Query(ge=0, lt=MOST_ROWS)] = 0,
        count: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> list[LogRow]:
        """Give the newest lines, the oldest of them first; `after` is the number of the last one that is known already."""
        logs = _logs(services)
        ring = logs.debug if log is LogName.DEBUG else logs.system
        return [
            LogRow.of(line) for line in ring.lines(least=LEVELS[level], text=text, after=after, limit=count)
        ]

    @routes.get("/debug-capture", responses=declared(501))
    async def get_debug_capture() -> Capture:
        """Tell whether the debug log is recorded."""
        return Capture(seconds_left=_logs(services).capture_left)

    @routes.put("/debug-capture", responses=declared(501))
    async def set_debug_capture(given: CaptureGiven, calling: Calling) -> Capture:
        """Record the debug log for a while."""
        logs = _logs(services)
        capture_debug(services, calling, logs, given.minutes)
        return Capture(seconds_left=logs.capture_left)

    @routes.get("/support-archive", response_class=Response, responses={**_ARCHIVE, **declared(501)})
    async def download_support_archive(calling: Calling) -> Response:
        """Download logs, versions, settings and counters as one file."""
        name, content = make_archive(services, calling, _logs(services))
        disposition = f'attachment; filename="{name}"'
        return StreamingResponse(
            content, media_type="application/zip", headers={"content-disposition": disposition}
        )

    return routes


def _logs(services: Services) -> Logs:
    if services.logs is None:
        raise NotAvailableError(mark("This master keeps no log in memory."))
    return services.logs
