"""The audit log: who did what, when, from where."""

from typing import Final

from fastapi import APIRouter

from mbusheadend.web.audit_texts import kind_texts
from mbusheadend.web.door import ADMIN
from mbusheadend.web.services import Services
from mbusweb.api.audit import audit_routes

DOOR: Final = ADMIN


def router(services: Services) -> APIRouter:
    """Give the routes."""
    return audit_routes(services, kind_texts())
