"""Who calls, as the head-end sees it."""

from typing import Literal

from fastapi import APIRouter

from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer


class Me(Answer):
    """The caller; `roles` are all that the caller has, `login` tells how the caller showed who it is."""

    user: str
    source: str
    roles: list[str]
    login: Literal["token", "session"]


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["users"])

    @routes.get("/me")
    async def get_me(calling: Calling) -> Me:
        """Tell who calls: a way to try a token."""
        return Me(
            user=calling.user,
            source=calling.source,
            roles=sorted(calling.roles, key=services.access.rules.roles.index),
            login="token" if calling.is_program else "session",
        )

    return routes
