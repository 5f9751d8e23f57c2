"""What only admins do to a master: trust it no more, forget it. Each behind a question."""

from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusheadend.web.door import ADMIN
from mbusheadend.web.fleet_deeds import delete_master, revoke_certificate, revoke_master
from mbusheadend.web.pages.masters import MASTER, PATH, master_path
from mbusheadend.web.services import Services
from mbusweb.guard import Asking
from mbusweb.locale import format_date, ngettext
from mbusweb.locale import gettext as _
from mbusweb.render import ask, flash, go_to

DOOR: Final = ADMIN
DELETE: Final = f"{MASTER}/delete"
REVOKE: Final = f"{MASTER}/revoke"
REVOKE_ONE: Final = f"{MASTER}/certificates/{{number}}/revoke"


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter()

    @routes.get(DELETE)
    async def ask_delete(request: Request, serial: str) -> Response:
        master = await services.store.master(serial)
        return ask(
            request,
            title=_("Delete this master?"),
            question=_(
                "Master %(name)s is forgotten and trusted no more; it needs a new enrolment token to come back. "
                "Its meters and their readings stay."
            )
            % {"name": master.name or serial},
            yes=_("Delete"),
            path_yes=master_path(serial, "/delete"),
            path_no=master_path(serial),
        )

    @routes.post(DELETE)
    async def delete(request: Request, serial: str, who: Asking) -> Response:
        await delete_master(services, who, serial)
        flash(request, "success", _("Master %(serial)s is deleted.") % {"serial": serial})
        return go_to(request, PATH)

    @routes.get(REVOKE)
    async def ask_revoke(request: Request, serial: str) -> Response:
        master = await services.store.master(serial)
        return ask(
            request,
            title=_("Trust this master no more?"),
            question=_(
                "All certificates of master %(name)s are revoked. It delivers nothing until it is enrolled again with a new "
                "token; what it reads meanwhile is kept there."
            )
            % {"name": master.name or serial},
            yes=_("Revoke"),
            path_yes=master_path(serial, "/revoke"),
            path_no=master_path(serial),
        )

    @routes.post(REVOKE)
    async def revoke(request: Request, serial: str, who: Asking) -> Response:
        count = await revoke_master(services, who, serial)
        text = ngettext("%(num)d certificate was revoked.", "%(num)d certificates were revoked.", count)
        flash(request, "success", text % {"num": count})
        return go_to(request, master_path(serial))

    _add_one(routes, services)
    return routes


def _add_one(routes: APIRouter, services: Services) -> None:
    @routes.get(REVOKE_ONE)
    async def ask_one(request: Request, serial: str, number: str) -> Response:
        found = await services.store.certificates(serial)
        certificate = next((one for one in found if one.number == certificate_number(number)), None)
        if certificate is None:
            raise HTTPException(404)
        return ask(
            request,
            title=_("Revoke a certificate?"),
            question=_(
                "Whoever shows the certificate that is valid until %(date)s is not let in from then on."
            )
            % {"date": format_date(certificate.not_after)},
            yes=_("Revoke"),
            path_yes=master_path(serial, f"/certificates/{number}/revoke"),
            path_no=master_path(serial),
        )

    @routes.post(REVOKE_ONE)
    async def revoke_one(request: Request, serial: str, number: str, who: Asking) -> Response:
        await revoke_certificate(services, who, serial, certificate_number(number))
        flash(request, "success", _("The certificate was revoked."))
        return go_to(request, master_path(serial))


def certificate_number(text: str) -> int:
    """Read the number of a certificate, in hex digits; raise 404."""
    if len(text) > 40 or not all(char in "0123456789abcdef" for char in text):
        raise HTTPException(404)
    return int(text, 16)
