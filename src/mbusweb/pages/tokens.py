"""API tokens of the user who is logged in: make, list, revoke. The secret is shown once, in the answer to the form."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from mbusweb.access import AccessError, Token
from mbusweb.access_problems import access_problem
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.own_password import OWN, own_password_problem
from mbusweb.render import ask, flash, go_to, page
from mbusweb.role_texts import role_choices, role_names
from mbusweb.services import BaseServices
from mbusweb.visitor import visitor

PATH: Final = "/tokens"
REVOKE: Final = f"{PATH}/{{token}}/revoke"
DAYS: Final = (30, 90, 365, 0)
"""For which a token can be made; 0 is without an end."""
USUAL_DAYS: Final = 365
_LONGEST_SHOWN: Final = 128

TokenNumber = Annotated[int, Path(ge=0, lt=1 << 63)]


def router(services: BaseServices) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()
    access = services.access

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return _page(request, services)

    @routes.post(PATH)
    async def make(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        title, days = values.get("title", ""), values.get("days", "")
        role = values.get("role", "")
        if days not in map(str, DAYS):
            return _page(
                request, services, title, role=role, problems={"expires": _("Choose one of the list.")}
            )
        if problem := await own_password_problem(request, services, values.get(OWN, "")):
            return _page(request, services, title, int(days), role=role, problems={OWN: problem})
        expires = services.now() + timedelta(int(days)) if int(days) else None
        try:
            token, secret = await access.create_token(who.user, title, expires, role=role, source=who.source)
        except AccessError as error:
            return _page(
                request, services, title, int(days), role=role, problems={error.field: access_problem(error)}
            )
        return _page(request, services, made=token, secret=secret)

    @routes.get(REVOKE)
    async def ask_revoke(request: Request, token: TokenNumber) -> Response:
        found = next((one for one in access.tokens(visitor(request).user) if one.id == token), None)
        if found is None:
            flash(request, "error", _("There is no such token any more."))
            return go_to(request, PATH)
        return ask(
            request,
            title=_("Revoke a token?"),
            question=_("The program that uses the token %(title)s can do nothing here from then on.")
            % {"title": found.title},
            yes=_("Revoke"),
            path_yes=REVOKE.format(token=token),
            path_no=PATH,
        )

    @routes.post(REVOKE)
    async def revoke(request: Request, token: TokenNumber, who: Asking) -> Response:
        try:
            await access.revoke_token(who.user, token, source=who.source)
        except AccessError as error:
            flash(request, "error", access_problem(error))
        else:
            flash(request, "success", _("The token was revoked."))
        return go_to(request, PATH)

    return routes


def _page(
    request: Request,
    services: BaseServices,
    title: str = "",
    days: int = USUAL_DAYS,
    *,
    role: str = "",
    problems: dict[str, str] | None = None,
    made: Token | None = None,
    secret: str = "",
) -> Response:
    who, rules = visitor(request), services.access.rules
    return page(
        request,
        "tokens.html",
        status=422 if problems else 200,
        tokens=services.access.tokens(who.user),
        now=services.now(),
        title=title[:_LONGEST_SHOWN],
        days=days,
        choices=_choices(),
        # The role that may least is enough for most programs.
        role=role,
        roles=[choice for choice in role_choices(rules.roles) if choice[0] in who.roles],
        role_names=role_names(rules.roles),
        problems=problems or {},
        made=made,
        secret=secret,
    )


def _choices() -> list[tuple[int, str]]:
    texts = {30: _("30 days"), 90: _("90 days"), 365: _("1 year"), 0: _("Until it is revoked")}
    return [(days, texts[days]) for days in DAYS]
