"""The parts of the API, put together."""

import asyncio
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import ASGIApp

from mbusmaster.web.api import (
    PREFIX,
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
from mbusmaster.web.api.callers import open_to_all, require_setup_or_user, require_user
from mbusmaster.web.api.models import as_json
from mbusmaster.web.api.problems import Problem, declared, handle_errors
from mbusmaster.web.events import Streams
from mbusmaster.web.pages.door import Door
from mbusmaster.web.services import Services

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
    firmware,
    logs,
    audit,
    restart,
    erase,
    panel_button,
)
TAGS: Final = {
    "status": "The status page and the front panel.",
    "users": "Who may log in, and the tokens of programs.",
    "settings": "All settings, and the configuration as a file.",
    "meters": "The meter list, the expected meters, and scans.",
    "buses": "Buses: how they are, who uses them, what goes over them.",
    "trust": "Whom the secured channel lets in.",
    "system": "Network, clock, firmware, logs, restart.",
}
DESCRIPTION: Final = """\
Everything the pages can do. A program shows a token in the header `Authorization: Bearer …`; a page has its session, and sends
`X-CSRF-Token` with each change. Times are UTC. Errors are problem details (RFC 9457), in the language of `Accept-Language`.
"""
DOCUMENT: Final = "/openapi.json"
_CHECKS: Final[dict[Door, Callable[..., Any]]] = {
    Door.OPEN: open_to_all,
    Door.SETUP_OR_USER: require_setup_or_user,
    Door.USER: require_user,
}


def assemble(services: Services, streams: Streams) -> ASGIApp:
    """Put the API together."""
    api = FastAPI(
        title="M-Bus master",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        generate_unique_id_function=_operation_id,
        responses=declared(401, 403, 421, 422),
    )
    api.state.access = services.access
    api.state.streams = streams
    handle_errors(api)
    for module in MODULES:
        check = getattr(module, "CHECK", None) or _CHECKS[getattr(module, "DOOR", Door.USER)]
        router: APIRouter = module.router(services)
        api.include_router(router, dependencies=[Depends(check)])
    _add_document(api)
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_document(api: FastAPI) -> None:
    """Add the description, which is made when it is first asked for and kept as text only."""
    text = b""

    async def document(request: Request) -> Response:
        nonlocal text
        text = text or await asyncio.to_thread(_document, api)
        return Response(text, media_type="application/json")

    api.add_route(DOCUMENT, document, include_in_schema=False)


def _document(api: FastAPI) -> bytes:
    document = get_openapi(
        title=api.title,
        version=api.version,
        description=DESCRIPTION,
        routes=api.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[{"url": PREFIX}],
        separate_input_output_schemas=False,
    )
    schemas = document["components"]["schemas"]
    schemas |= _schemas_of(Problem)
    for path in document["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                more = declared(400, 413)
                operation["responses"] |= {str(status): said for status, said in more.items()}
    return as_json(document).encode()


def _schemas_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), model.__name__: schema}
