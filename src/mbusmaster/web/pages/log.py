"""Log: the system log and the debug log, and one archive of all that support needs (guide 3.1.8)."""

import asyncio
import logging
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from mbusmaster.system.logring import LogLine
from mbusmaster.system.logs import Logs
from mbusmaster.web.actions.logs import capture_debug, log_text, make_archive
from mbusmaster.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.locale import ngettext
from mbusweb.render import flash, go_to, page

PATH: Final = "/configuration/log"
DEBUG: Final = f"{PATH}/debug"
DOWNLOAD: Final = f"{PATH}/download"
TEXT: Final = f"{PATH}/text"
PAGE: Final = 100
"""Lines at a time."""
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
MINUTES: Final = (5, 15, 60)
"""For which the debug log can be switched on."""
_LONGEST_TEXT: Final = 100


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    logs = services.logs

    @routes.get(PATH)
    async def show(
        request: Request, log: str = "system", level: str = "debug", text: str = "", before: str = ""
    ) -> Response:
        return await _page(request, logs, log, level, text, before)

    @routes.post(DEBUG)
    async def debug(request: Request, who: Asking) -> Response:
        if logs is not None:
            values = await form_values(request)
            wanted = _number(values.get("minutes", "0"))
            minutes = capture_debug(services, who, logs, wanted, bus_trace="trace" in values)
            flash(request, "success", _recording(minutes))
        return go_to(request, f"{PATH}?log=debug")

    @routes.get(TEXT)
    async def text_file(request: Request, who: Asking, log: str = "system") -> Response:
        if logs is None:
            return go_to(request, PATH)
        name, content = log_text(services, who, logs, "debug" if log == "debug" else "system")
        return StreamingResponse(
            content,
            media_type="text/plain; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @routes.get(DOWNLOAD)
    async def download(request: Request, who: Asking) -> Response:
        if logs is None:
            return go_to(request, PATH)
        name, content = make_archive(services, who, logs)
        return StreamingResponse(
            content,
            media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return routes


async def _page(
    request: Request, logs: Logs | None, log: str, level: str, text: str, before: str
) -> Response:
    if logs is None:
        return page(request, "log_missing.html")
    log, level = log if log == "debug" else "system", level if level in LEVELS else "debug"
    text = text[:_LONGEST_TEXT]
    lines = await asyncio.to_thread(_lines, logs, log, level, text, _number(before))
    more = len(lines) > PAGE
    lines = lines[:PAGE]
    filtered = {"log": log, "level": level, "text": text}
    return page(
        request,
        "log.html",
        lines=lines,
        chosen=filtered,
        logs=[("system", _("System log")), ("debug", _("Debug log"))],
        levels=_levels(),
        names=_level_names(),
        is_first=not before,
        first=f"{PATH}?{urlencode(filtered)}",
        older=f"{PATH}?{urlencode({**filtered, 'before': lines[-1].number})}" if more else "",
        minutes_left=_minutes(logs.capture_left),
        minutes=_choices(),
        has_trace=logs.trace is not None,
        trace_left=_minutes(logs.trace.left) if logs.trace else 0,
        problem=logs.problem,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else 0


def _minutes(seconds: float) -> int:
    return -int(-seconds // 60)


def _lines(logs: Logs, log: str, level: str, text: str, before: int) -> tuple[LogLine, ...]:
    """Give the newest lines first, one more than a page has if there are more; may read files.

    :param before: only lines with a smaller number; 0 is all.
    """
    kept = logs.debug if log == "debug" else logs.system
    found = kept.lines(least=LEVELS[level], text=text, before=before or None, limit=PAGE + 1)
    return found[::-1]


def _levels() -> list[tuple[str, str]]:
    texts = {
        "debug": _("All"),
        "info": _("Information and above"),
        "warning": _("Warnings and errors"),
        "error": _("Errors"),
    }
    return [(level, texts[level]) for level in LEVELS]


def _choices() -> list[tuple[int, str]]:
    return [
        (count, ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count})
        for count in MINUTES
    ]


def _level_names() -> dict[str, str]:
    return {
        "debug": _("Debug"),
        "info": _("Information"),
        "warning": _("Warning"),
        "error": _("Error"),
        "critical": _("Error"),
    }


def _recording(minutes: int) -> str:
    if not minutes:
        return _("The debug log is no longer recorded.")
    return ngettext(
        "The debug log is recorded for %(count)d minute.",
        "The debug log is recorded for %(count)d minutes.",
        minutes,
    ) % {"count": minutes}
