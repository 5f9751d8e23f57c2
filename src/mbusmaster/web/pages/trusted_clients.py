"""Trusted clients: who may come in through the secured channel, and the certificates for it (issue 4).

The list and the two questions. What is given out and taken in is in `client_bundle` and `client_certificate`.
"""

from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from mbusmaster.channels.trust import Foreign, Trust, TrustedClient, TrustError
from mbusmaster.web.actions import clients
from mbusmaster.web.pages.security import shown_state
from mbusmaster.web.services import Services
from mbusmaster.web.trust_texts import condition, origin_texts, trust_problem
from mbusweb.guard import Asking
from mbusweb.locale import gettext as _
from mbusweb.paging import paged
from mbusweb.render import ask, flash, go_to, page

PATH: Final = "/configuration/security/clients"
REVOKE: Final = f"{PATH}/{{client}}/revoke"
REMOVE: Final = f"{PATH}/certificates/{{certificate}}/remove"
AUTHORITY: Final = f"{PATH}/authority.pem"
PAGE: Final = 50
"""Clients at a time."""


def router(services: Services) -> APIRouter:
    """Give the routes of the page."""
    routes = APIRouter()

    @routes.get(PATH)
    async def show(request: Request, page: str = "1") -> Response:
        return _page(request, services, page)

    @routes.get(AUTHORITY)
    async def authority() -> Response:
        name = f"authority-{services.identity.serial_number}.pem"
        return Response(
            trust_of(services).authority_pem(),
            media_type="application/x-pem-file",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    _add_revoke(routes, services)
    _add_remove(routes, services)
    return routes


def _add_revoke(routes: APIRouter, services: Services) -> None:
    @routes.get(REVOKE)
    async def ask_revoke(request: Request, client: str) -> Response:
        found = _client(services, client)
        return ask(
            request,
            title=_("Revoke the client %(name)s?") % {"name": found.name},
            question=_(
                "It is out at once, also if it is connected now. Its certificate can never be used here again: "
                "to let this client in once more, issue a new bundle."
            ),
            yes=_("Revoke"),
            path_yes=REVOKE.format(client=found.id),
            path_no=PATH,
        )

    @routes.post(REVOKE)
    async def revoke(request: Request, client: str, who: Asking) -> Response:
        try:
            revoked = clients.revoke(services, who, trust_of(services), _client(services, client).id)
        except TrustError as error:
            flash(request, "error", trust_problem(error))
            return go_to(request, PATH)
        flash(request, "success", _("The client %(name)s is trusted no more.") % {"name": revoked.name})
        return go_to(request, PATH)


def _add_remove(routes: APIRouter, services: Services) -> None:
    @routes.get(REMOVE)
    async def ask_remove(request: Request, certificate: str) -> Response:
        found = _foreign(services, certificate)
        return ask(
            request,
            title=_("Remove the certificate %(name)s?") % {"name": found.name},
            question=_("Everybody who was let in because of it is out at once. It can be added again later."),
            yes=_("Remove"),
            path_yes=REMOVE.format(certificate=found.id),
            path_no=PATH,
        )

    @routes.post(REMOVE)
    async def remove(request: Request, certificate: str, who: Asking) -> Response:
        found = _foreign(services, certificate)
        try:
            clients.remove_certificate(services, who, trust_of(services), found)
        except TrustError as error:
            flash(request, "error", trust_problem(error))
            return go_to(request, PATH)
        flash(request, "success", _("The certificate %(name)s was removed.") % {"name": found.name})
        return go_to(request, PATH)


def trust_of(services: Services) -> Trust:
    """Give the trust; 404 where this master has none."""
    if services.trust is None:
        raise HTTPException(404)
    return services.trust


def _page(request: Request, services: Services, number: str) -> Response:
    if services.trust is None and services.trust_problem:
        problem = trust_problem(TrustError(services.trust_problem))
        return page(request, "clients_broken.html", status=503, problem=problem)
    trust = trust_of(services)
    try:
        state, listed, foreign = trust.state(), trust.clients(), trust.foreign()
    except TrustError as error:
        return page(request, "clients_broken.html", status=503, problem=trust_problem(error))
    now = services.now()
    listed = tuple(
        sorted(listed, key=lambda one: (bool(one.revoked) or one.expires < now, one.name.casefold()))
    )
    here = paged(listed, number, PAGE)
    return page(
        request,
        "clients.html",
        state=state,
        channel=next((shown_state(one) for one in services.channels() if one.name == "secured_tcp"), None),
        clients=[(client, condition(client, now)) for client in here.rows],
        paged=here,
        foreign=foreign,
        origins=origin_texts(),
        now=now,
    )


def _client(services: Services, id: str) -> TrustedClient:
    for client in trust_of(services).clients():
        if client.id == id:
            return client
    raise HTTPException(404)


def _foreign(services: Services, id: str) -> Foreign:
    for foreign in trust_of(services).foreign():
        if foreign.id == id:
            return foreign
    raise HTTPException(404)
