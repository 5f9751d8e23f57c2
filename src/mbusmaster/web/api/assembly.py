"""The parts of the API, put together."""

from collections.abc import Sequence
from types import ModuleType
from typing import Final

from fastapi import FastAPI

from mbusmaster.web.api import (
    audit,
    backup,
    buses,
    certificates,
    checks,
    clients,
    clock,
    erase,
    expected,
    firmware,
    hosting,
    logins,
    logs,
    me,
    meters,
    network,
    panel_button,
    restart,
    scans,
    settings,
    status,
    tokens,
    traffic,
    users,
)
from mbusmaster.web.api.problems import handle_errors
from mbusmaster.web.product import PRODUCT
from mbusmaster.web.services import Services
from mbusweb.api.assembly import Description, assemble
from mbusweb.events import Streams

MODULES: Final[Sequence[ModuleType]] = (
    status,
    me,
    logins,
    users,
    tokens,
    settings,
    backup,
    meters,
    expected,
    scans,
    checks,
    buses,
    traffic,
    clients,
    certificates,
    network,
    clock,
    hosting,
    firmware,
    logs,
    audit,
    restart,
    erase,
    panel_button,
)
_TAGS: Final = {
    "status": "The status page and the front panel.",
    "users": "Who may log in, and the tokens of programs.",
    "settings": "All settings, and the configuration as a file.",
    "meters": "The meter list, the expected meters, and scans.",
    "buses": "Buses: how they are, who uses them, what goes over them.",
    "trust": "Whom the secured channel lets in.",
    "hosting": "Reading on behalf of a head-end.",
    "system": "Network, clock, firmware, logs, restart.",
}
_TEXT: Final = """\
Everything the pages can do. A program shows a token in the header `Authorization: Bearer …`; a page has its session, and sends
`X-CSRF-Token` with each change. Times are UTC. Errors are problem details (RFC 9457), in the language of `Accept-Language`.
"""


def assemble_api(services: Services, streams: Streams) -> FastAPI:
    """Put the API together."""
    return assemble(PRODUCT, services, streams, MODULES, Description(_TEXT, _TAGS), handle_errors)
