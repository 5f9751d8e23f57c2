"""The pages, one module each: `router(services)` gives the routes, `DOOR` says who may come in (users, where it says nothing).

A module may have `UPLOAD_LIMITS`: the longest body by path, for what takes files.
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from fastapi import APIRouter, Depends

from mbusmaster.web.guard import require_setup_or_user, require_user
from mbusmaster.web.pages import first_user, languages, login, panel_button, status
from mbusmaster.web.pages.door import Door
from mbusmaster.web.services import Services

PAGES: Final[Sequence[ModuleType]] = (status, languages, login, first_user, panel_button)
_CHECKS: Final[dict[Door, Sequence[Callable[..., Any]]]] = {
    Door.OPEN: (),
    Door.SETUP_OR_USER: (require_setup_or_user,),
    Door.USER: (require_user,),
}

__all__ = ["PAGES", "Door", "pages_router", "upload_limits"]


def pages_router(services: Services) -> APIRouter:
    """Give the routes of all pages, each behind its door."""
    together = APIRouter(include_in_schema=False)
    for module in PAGES:
        checks = [Depends(check) for check in _CHECKS[getattr(module, "DOOR", Door.USER)]]
        together.include_router(module.router(services), dependencies=checks)
    return together


def upload_limits() -> dict[str, int]:
    """Give the longest body by path, of the pages that take files."""
    return {path: limit for module in PAGES for path, limit in getattr(module, "UPLOAD_LIMITS", {}).items()}
