"""Before a change that matters a user types the own password once more: a browser that was left alone is not enough."""

from typing import Final

from fastapi import Request

from mbusweb.access import LoginError, Problem
from mbusweb.access_problems import access_problem
from mbusweb.errors import NeedsLoginError
from mbusweb.locale import gettext as _
from mbusweb.services import BaseServices
from mbusweb.visitor import visitor

OWN: Final = "own"
"""Name of the field; `own_password` in ``macros/users.html`` shows it."""


async def own_password_problem(request: Request, services: BaseServices, given: str) -> str:
    """Say why this is not the visitor's own password, in the visitor's language; empty where it is."""
    who = visitor(request)
    if who.session is None:
        raise NeedsLoginError
    try:
        await services.access.confirm(who.session, given, source=who.source, setup=who.is_setup)
    except LoginError as error:
        if error.kind is Problem.WRONG_LOGIN:
            return _("This is not your password.")
        return access_problem(error)
    return ""
