"""The JSON API under /api/v1: bearer tokens or the session of a page, errors as problem details, described by OpenAPI.

A module has `router(services)` and may have `DOOR`, as pages do.
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI

from mbusmaster.web.api import status
from mbusmaster.web.api.callers import open_to_all, require_setup_or_user, require_user
from mbusmaster.web.api.problems import PROBLEMS, handle_errors
from mbusmaster.web.pages.door import Door
from mbusmaster.web.services import Services

MODULES: Final[Sequence[ModuleType]] = (status,)
_CHECKS: Final[dict[Door, Callable[..., Any]]] = {
    Door.OPEN: open_to_all,
    Door.SETUP_OR_USER: require_setup_or_user,
    Door.USER: require_user,
}


def create_api(services: Services) -> FastAPI:
    """Put the API together, to be mounted at /api/v1."""
    api = FastAPI(
        title="M-Bus master",
        version="1",
        description="Everything the pages can do. Tokens are made on the page of the users.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": "/api/v1"}],
        root_path_in_servers=False,
        responses=PROBLEMS,
    )
    api.state.access = services.access
    handle_errors(api)
    for module in MODULES:
        check = _CHECKS[getattr(module, "DOOR", Door.USER)]
        router: APIRouter = module.router(services)
        api.include_router(router, dependencies=[Depends(check)])
    return api
