"""Who is at the other end of a connection: the certificate of TLS, handed to the application."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request

from mbusheadend.errors import RefusedError
from mbusheadend.store import Enrolment
from mbusheadend.tenants.tenant import MAIN_ID, tenant_of
from mbushosting.contact import RefusalCode
from mbusweb.connections import Connection

PEER: Final = "mbusheadend.peer"
"""Key in the ASGI scope; the value is a `Peer` or None."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A master that showed a certificate of ours.

    :ivar number: of the certificate.
    :ivar tenant: number of the tenant whose master it is.
    """

    serial: str
    number: int
    expires: datetime
    tenant: int = MAIN_ID


class MasterConnection(Connection):
    """One connection; whose it is stands in the scope of its requests."""

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        application, peer = self.app, _peer(transport.get_extra_info("ssl_object"))

        async def with_peer(scope: Any, receive: Any, send: Any) -> None:
            scope[PEER] = peer
            await application(scope, receive, send)

        self.app = with_peer

    def eof_received(self) -> None:
        """A master that ends its direction waits for nothing any more."""
        self.transport.close()


class Gate:
    """Lets masters in, and only as long as they are trusted."""

    def __init__(self, book: Enrolment, now: Callable[[], datetime]) -> None:
        self._book = book
        self._now = now

    async def admit(self, request: Request) -> Peer:
        """Give the master that asks. Raise `RefusedError`."""
        peer = self.identify(request)
        await self.check(peer)
        return peer

    def identify(self, request: Request) -> Peer:
        """Give the master that asks, trusted or not. Raise `RefusedError` where it shows no certificate."""
        peer: Peer | None = request.scope.get(PEER)
        if peer is None:
            raise RefusedError(403, RefusalCode.NO_CERTIFICATE, "this needs the certificate of a master")
        return peer

    async def check(self, peer: Peer) -> None:
        """See that a master is still trusted. Raise `RefusedError`."""
        if self._now() >= peer.expires:
            raise RefusedError(403, RefusalCode.LAPSED, "the certificate has lapsed")
        if await self._book.is_trusted(peer.number):
            return
        # TLS has verified that our authority issued it: then only a store that was restored does not know it.
        if not await self._book.take_back(peer.serial, peer.number, peer.expires):
            raise RefusedError(403, RefusalCode.REVOKED, "the certificate was revoked, or is not known here")


def _peer(connection: ssl.SSLObject | None) -> Peer | None:
    """Read what OpenSSL has verified."""
    certificate: Any = connection.getpeercert() if connection is not None else None
    if not certificate:
        return None
    facts = [fact for part in certificate["subject"] for fact in part]
    names = [value for key, value in facts if key == "commonName"]
    tenant = tenant_of([value for key, value in facts if key == "organizationName"])
    if len(names) != 1 or tenant is None:
        return None
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return Peer(names[0], int(certificate["serialNumber"], 16), expires, tenant)
