"""Who calls, as the master sees it."""

from typing import Literal

from fastapi import APIRouter

from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer


class Me(Answer):
    """The caller.

    `interface` is the one that the request came in by, `login` how the caller showed who it is.
    """

    user: str
    source: str
    interface: Literal["setup", "lan"]
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
            interface="setup" if calling.is_setup else "lan",
            login="token" if calling.is_program else "session",
        )

    return routes
