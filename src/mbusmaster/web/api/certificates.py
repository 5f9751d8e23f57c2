"""Certificates from elsewhere: authorities, and single clients."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from mbusmaster.channels.trust import Kind, TrustError
from mbusmaster.channels.trust.foreign import MAX_SIZE
from mbusmaster.web.actions import clients as actions
from mbusmaster.web.api.clients import trust_of
from mbusmaster.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given
from mbusweb.api.problems import declared

CertificateKind = Literal["authority", "single"]


class Certificate(Answer):
    """A certificate that was added; `id` is its SHA-256."""

    id: str
    kind: CertificateKind
    name: str
    issuer: str
    expires: datetime
    added: datetime


class CertificateGiven(Given):
    """A certificate as PEM; `kind` is what it is meant to be, null takes what it is."""

    certificate: Annotated[str, Field(max_length=MAX_SIZE)]
    kind: CertificateKind | None = None


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["trust"])

    @routes.get("/certificates", responses=declared(501, 503))
    async def list_certificates() -> list[Certificate]:
        """List the certificates that were added."""
        return [Certificate.of(one) for one in trust_of(services).foreign()]

    @routes.post("/certificates", status_code=201, responses=declared(409, 501, 503))
    async def add_certificate(given: CertificateGiven, calling: Calling) -> Certificate:
        """Trust an authority and everybody whose certificate it has signed, or a single client's certificate."""
        kind = None if given.kind is None else Kind(given.kind)
        data = given.certificate.encode()
        return Certificate.of(actions.add_certificate(services, calling, trust_of(services), data, kind))

    @routes.delete("/certificates/{certificate}", status_code=204, responses=declared(404, 409, 501, 503))
    async def remove_certificate(certificate: str, calling: Calling) -> None:
        """Trust a certificate no more, nor anybody whom it let in."""
        trust = trust_of(services)
        found = next((one for one in trust.foreign() if one.id == certificate), None)
        if found is None:
            raise TrustError("there is no such certificate", "id")
        actions.remove_certificate(services, calling, trust, found)

    return routes
