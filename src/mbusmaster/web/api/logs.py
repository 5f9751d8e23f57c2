"""The system log, the debug log, and the archive for support."""

import asyncio
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from mbusmaster.system.logs import LONGEST_CAPTURE, Logs
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.actions.logs import capture_debug, log_text, make_archive
from mbusmaster.web.pages.log import LEVELS
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import MOST_ROWS, Answer, Given, Switch, Whole, file_of
from mbusweb.api.problems import declared
from mbusweb.texts import mark

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
    """One line; numbers count on over restarts where the log is kept on the disk."""

    number: int
    at: datetime
    level: str
    name: str
    text: str


class CaptureGiven(Given):
    """For how many minutes to record the debug log, and the bus trace too if that is wanted; 0 ends both."""

    minutes: Annotated[Whole, Field(ge=0, le=int(LONGEST_CAPTURE) // 60)]
    bus_trace: Switch = False


class Capture(Answer):
    """For how many more seconds the debug log and the bus trace are recorded."""

    seconds_left: float
    trace_seconds_left: float


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["system"])

    @routes.get("/logs/{log}", responses=declared(501))
    async def list_log(
        log: LogName,
        level: Level = Level.DEBUG,
        text: Annotated[str, Query(max_length=100)] = "",
        after: Annotated[int, Query(ge=0, lt=MOST_ROWS)] = 0,
        before: Annotated[int | None, Query(ge=1, lt=MOST_ROWS)] = None,
        count: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> list[LogRow]:
        """Give the newest lines, the oldest of them first.

        `after` is the number of the last one that is known already; with `before` only older lines than that one come.
        """
        logs = _logs(services)
        kept = logs.debug if log is LogName.DEBUG else logs.system
        look = partial(kept.lines, least=LEVELS[level], text=text, before=before, after=after, limit=count)
        return [LogRow.of(line) for line in await asyncio.to_thread(look)]

    @routes.get(
        "/logs/{log}/text",
        response_class=Response,
        responses={
            **file_of("text/plain", "One line for each message, its number in front"),
            **declared(501),
        },
    )
    async def download_log(log: LogName, calling: Calling) -> Response:
        """Download all of a log as text."""
        name, content = log_text(services, calling, _logs(services), log)
        disposition = f'attachment; filename="{name}"'
        return StreamingResponse(
            content, media_type="text/plain; charset=utf-8", headers={"content-disposition": disposition}
        )

    @routes.get("/debug-capture", responses=declared(501))
    async def get_debug_capture() -> Capture:
        """Tell whether the debug log is recorded."""
        return _capture(_logs(services))

    @routes.put("/debug-capture", responses=declared(501))
    async def set_debug_capture(given: CaptureGiven, calling: Calling) -> Capture:
        """Record the debug log for a while, and the bus trace if that is wanted."""
        logs = _logs(services)
        capture_debug(services, calling, logs, given.minutes, bus_trace=given.bus_trace)
        return _capture(logs)

    @routes.get("/support-archive", response_class=Response, responses={**_ARCHIVE, **declared(501)})
    async def download_support_archive(calling: Calling) -> Response:
        """Download logs, versions, settings and counters as one file."""
        name, content = make_archive(services, calling, _logs(services))
        disposition = f'attachment; filename="{name}"'
        return StreamingResponse(
            content, media_type="application/zip", headers={"content-disposition": disposition}
        )

    return routes


def _capture(logs: Logs) -> Capture:
    return Capture(seconds_left=logs.capture_left, trace_seconds_left=logs.trace.left if logs.trace else 0.0)


def _logs(services: Services) -> Logs:
    if services.logs is None:
        raise NotAvailableError(mark("This master keeps no log in memory."))
    return services.logs
