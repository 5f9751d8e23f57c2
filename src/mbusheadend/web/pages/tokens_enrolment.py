"""Enrolment tokens: each takes one master in. Made here, shown once, with the command for the master; deleted."""

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusheadend.fleet.enrolling import LONGEST_NOTE, EnrolmentError, MadeToken, fingerprint_of, is_usable
from mbusheadend.store import StoredToken, UnknownError
from mbusheadend.tokens import LONGEST_DAYS, TOKEN_DAYS
from mbusheadend.web.door import ADMIN
from mbusheadend.web.fleet_deeds import delete_token, make_token
from mbusheadend.web.services import Services
from mbusweb.forms import form_values
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to, page

DOOR: Final = ADMIN
PATH: Final = "/enrolment"
DELETE: Final = f"{PATH}/{{token}}/delete"
MOST_SHOWN: Final = 200
"""Those that can be used come first."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request) -> Response:
        return await _page(request, services)

    @routes.post(PATH)
    async def make(request: Request, who: Asking) -> Response:
        values = await form_values(request)
        days, note = values.get("days", ""), values.get("note", "")
        known = days.isascii() and days.isdecimal() and len(days) <= 4
        try:
            made = await make_token(services, who, int(days) if known else 0, note)
        except EnrolmentError as error:
            texts = {
                "days": _("Give a number of days from 1 to %(most)d.") % {"most": LONGEST_DAYS},
                "note": _("A note has at most %(count)d printable characters.") % {"count": LONGEST_NOTE},
            }
            return await _page(
                request, services, days=days, note=note, problems={error.field: texts[error.field]}
            )
        return await _page(request, services, made=made)

    @routes.get(DELETE)
    async def ask_delete(request: Request, token: str) -> Response:
        hash = token_number(token)
        found = next((one for one in await services.store.tokens() if one.hash == hash), None)
        if found is None:
            raise HTTPException(404)
        return ask(
            request,
            title=_("Delete this enrolment token?"),
            question=_("The token “%(note)s” takes no master in any more. A master that came with it stays.")
            % {"note": found.note or _("without a note")},
            yes=_("Delete"),
            path_yes=DELETE.format(token=token),
            path_no=PATH,
        )

    @routes.post(DELETE)
    async def delete(request: Request, token: str, who: Asking) -> Response:
        try:
            await delete_token(services, who, token_number(token))
        except UnknownError:
            flash(request, "warning", _("It was gone already."))
        else:
            flash(request, "success", _("The enrolment token is deleted."))
        return go_to(request, PATH)

    return routes


def token_number(text: str) -> bytes:
    """Read by what a token is told apart from others, in hex digits; raise 404."""
    try:
        return bytes.fromhex(text) if len(text) == 64 else b""
    except ValueError:
        raise HTTPException(404) from None


async def _page(
    request: Request,
    services: Services,
    *,
    made: MadeToken | None = None,
    days: str = str(TOKEN_DAYS),
    note: str = "",
    problems: dict[str, str] | None = None,
) -> Response:
    now = services.now()
    tokens = await services.store.tokens()
    return page(
        request,
        "enrolment.html",
        status=422 if problems else 200,
        rows=[_row(one, now) for one in sorted(tokens, key=lambda one: not is_usable(one, now))[:MOST_SHOWN]],
        more=max(0, len(tokens) - MOST_SHOWN),
        made=made,
        days=days,
        note=note,
        most_days=LONGEST_DAYS,
        longest_note=LONGEST_NOTE,
        url=services.desk.url,
        fingerprint=fingerprint_of(services.authority),
        problems=problems or {},
    )


def _row(token: StoredToken, now: datetime) -> dict[str, Any]:
    return {"token": token, "id": token.hash.hex(), "is_usable": is_usable(token, now)}
