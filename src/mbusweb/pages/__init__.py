"""Pages, one module each: `router(services)` gives the routes, `DOOR` says who may come in (users, where it says nothing).

A module may have `UPLOAD_LIMITS`: the longest body by path, for what takes files. The modules here are those that products share.
"""

from collections.abc import Sequence
from types import ModuleType

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import Route

from mbusweb.door import USER, Door
from mbusweb.guard import guard
from mbusweb.services import BaseServices


def door_of(module: ModuleType) -> Door:
    """Say who may come in."""
    door: Door = getattr(module, "DOOR", USER)
    return door


def add_pages(app: FastAPI, services: BaseServices, modules: Sequence[ModuleType]) -> dict[str, Door]:
    """Add pages, each behind its door; give their paths and doors."""
    paths: dict[str, Door] = {}
    for module in modules:
        door = door_of(module)
        router: APIRouter = module.router(services)
        app.include_router(router, dependencies=[Depends(guard(door))])
        paths |= {route.path: door for route in router.routes if isinstance(route, Route)}
    return paths


def upload_limits(modules: Sequence[ModuleType]) -> dict[str, int]:
    """Give the longest body by path, of the pages that take files."""
    return {path: limit for module in modules for path, limit in getattr(module, "UPLOAD_LIMITS", {}).items()}


def users_uploads(modules: Sequence[ModuleType]) -> frozenset[str]:
    """Give the paths of pages that take files of users alone."""
    of_users = [module for module in modules if not (door_of(module).everybody or door_of(module).at_setup)]
    return frozenset(path for module in of_users for path in getattr(module, "UPLOAD_LIMITS", ()))
