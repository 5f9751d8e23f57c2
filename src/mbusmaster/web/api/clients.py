"""Clients of the secured channel: who is trusted, bundles for new ones, and an end of trust."""

import asyncio
import base64
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from mbusmaster.channels.trust import Origin, Trust
from mbusmaster.channels.trust.trust import CLIENT_DAYS, LONGEST_CLIENT_DAYS
from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.web.actions import clients as actions
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given, Whole, download, file_of
from mbusweb.api.problems import declared
from mbusweb.texts import mark


class TrustStatus(Answer):
    """How things stand: `problem` says why nobody can come in, `authority` is the SHA-256 of this master's own authority."""

    clients: int
    authorities: int
    problem: str
    authority: str
    server_expires: datetime | None
    server_names: tuple[str, ...]


class TrustedClient(Answer):
    """A client, trusted or revoked; `id` is the SHA-256 of its certificate."""

    id: str
    name: str
    origin: Origin
    serial: str
    issuer: str
    issued: datetime
    expires: datetime
    revoked: datetime | None
    seen: datetime | None


class ClientGiven(Given):
    """A client that is to be trusted; a null `passphrase` leaves its bundle open."""

    name: Annotated[str, Field(max_length=64)]
    passphrase: Annotated[str, Field(max_length=256)] | None
    days: Annotated[Whole, Field(ge=1, le=LONGEST_CLIENT_DAYS)] = CLIENT_DAYS
    format: Literal["p12", "pem"] = "p12"


class ClientBundle(Answer):
    """A new client's key, certificate and authority; `bundle` is the file in base64. The key is kept nowhere else."""

    id: str
    name: str
    expires: datetime
    format: Literal["p12", "pem"]
    bundle: str


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["trust"])

    @routes.get("/trust", responses=declared(501, 503))
    async def get_trust() -> TrustStatus:
        """Tell how things stand."""
        return TrustStatus.of(trust_of(services).state())

    @routes.get(
        "/trust/authority.pem",
        response_class=Response,
        responses={**file_of("application/x-pem-file", "The certificate"), **declared(501, 503)},
    )
    async def download_authority() -> Response:
        """Download the certificate of this master's own authority, by which clients know this master."""
        return download(trust_of(services).authority_pem(), "application/x-pem-file", "mbusmaster-ca.pem")

    @routes.get("/clients", responses=declared(501, 503))
    async def list_clients() -> list[TrustedClient]:
        """List the clients, also the revoked ones."""
        return [TrustedClient.of(client) for client in trust_of(services).clients()]

    @routes.post("/clients", status_code=201, responses=declared(409, 501, 503))
    async def issue_client(given: ClientGiven, calling: Calling) -> ClientBundle:
        """Make a key and a certificate for a new client."""
        made = actions.issue(services, calling, trust_of(services), given.name, given.passphrase, given.days)
        data = await asyncio.to_thread(made.pkcs12 if given.format == "p12" else made.pem)
        return ClientBundle(
            id=made.id,
            name=made.name,
            expires=made.expires,
            format=given.format,
            bundle=base64.b64encode(data).decode("ascii"),
        )

    @routes.delete("/clients/{client}", responses=declared(404, 409, 501, 503))
    async def revoke_client(client: str, calling: Calling) -> TrustedClient:
        """Trust a client no more, by its id, or by its name where only one has that; it is out at once and for good."""
        return TrustedClient.of(actions.revoke(services, calling, trust_of(services), client))

    return routes


def trust_of(services: Services) -> Trust:
    """Give whom the master trusts; raise `NotAvailableError`, which says why where the keys are damaged."""
    if services.trust is None:
        raise NotAvailableError(services.trust_problem or mark("This master has no secured channel."))
    return services.trust
