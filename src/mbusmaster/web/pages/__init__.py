"""The pages, one module each: `router(services)` gives the routes, `DOOR` says who may come in (users, where it says nothing).

A module may have `UPLOAD_LIMITS`: the longest body by path, for what takes files.
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import Route

from mbusmaster.web.guard import require_setup_or_user, require_user
from mbusmaster.web.pages import (
    audit,
    backup,
    bus_users,
    client_bundle,
    client_certificate,
    commissioning,
    ethernet,
    firmware,
    first_user,
    hosting,
    languages,
    log,
    login,
    mbus_settings,
    meters,
    meters_import,
    meters_rows,
    monitor,
    panel_button,
    restart,
    scan,
    security,
    status,
    time_settings,
    tokens,
    trusted_clients,
    users,
)
from mbusmaster.web.pages.door import Door
from mbusmaster.web.services import Services

PAGES: Final[Sequence[ModuleType]] = (
    status,
    languages,
    login,
    first_user,
    panel_button,
    meters,
    meters_rows,
    meters_import,
    scan,
    commissioning,
    ethernet,
    hosting,
    security,
    mbus_settings,
    time_settings,
    firmware,
    log,
    backup,
    restart,
    users,
    tokens,
    audit,
    trusted_clients,
    client_bundle,
    client_certificate,
    monitor,
    bus_users,
)
_CHECKS: Final[dict[Door, Sequence[Callable[..., Any]]]] = {
    Door.OPEN: (),
    Door.SETUP_OR_USER: (require_setup_or_user,),
    Door.USER: (require_user,),
}

__all__ = ["PAGES", "Door", "add_pages", "upload_limits", "users_uploads"]


def add_pages(app: FastAPI, services: Services) -> frozenset[str]:
    """Add all pages, each behind its door; give their paths."""
    paths: set[str] = set()
    for module in PAGES:
        checks = [Depends(check) for check in _CHECKS[getattr(module, "DOOR", Door.USER)]]
        router: APIRouter = module.router(services)
        app.include_router(router, dependencies=checks)
        paths |= {route.path for route in router.routes if isinstance(route, Route)}
    return frozenset(paths)


def upload_limits() -> dict[str, int]:
    """Give the longest body by path, of the pages that take files."""
    return {path: limit for module in PAGES for path, limit in getattr(module, "UPLOAD_LIMITS", {}).items()}


def users_uploads() -> frozenset[str]:
    """Give the paths of pages that take files of users alone."""
    of_users = [module for module in PAGES if getattr(module, "DOOR", Door.USER) is Door.USER]
    return frozenset(path for module in of_users for path in getattr(module, "UPLOAD_LIMITS", ()))
