"""The audit log: who did what, when, from where."""

from fastapi import APIRouter

from mbusmaster.web.audit_texts import kind_texts
from mbusmaster.web.services import Services
from mbusweb.api.audit import audit_routes


def router(services: Services) -> APIRouter:
    """Give the routes."""
    return audit_routes(services, kind_texts())
