"""What only admins do: enrolment tokens, certificates, forgetting masters."""

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter, HTTPException
from pydantic import Field

from mbusheadend.fleet.enrolling import LONGEST_NOTE, fingerprint_of
from mbusheadend.store import StoredToken
from mbusheadend.tokens import LONGEST_DAYS, TOKEN_DAYS
from mbusheadend.web.door import ADMIN
from mbusheadend.web.fleet_deeds import (
    delete_master,
    delete_token,
    make_token,
    revoke_certificate,
    revoke_master,
)
from mbusheadend.web.services import Services
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, Given
from mbusweb.api.problems import declared

DOOR: Final = ADMIN


class EnrolmentToken(Answer):
    """An enrolment token without its secret. `used_by` is the serial number of the master that came with it."""

    id: str
    note: str
    added: datetime
    expires: datetime
    used: datetime | None
    used_by: str | None

    @classmethod
    def of_stored(cls, token: StoredToken) -> Self:
        """Write one."""
        return cls(
            id=token.hash.hex(),
            note=token.note,
            added=token.added,
            expires=token.expires,
            used=token.used,
            used_by=token.used_by,
        )


class TokenGiven(Given):
    """An enrolment token that is wanted."""

    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = TOKEN_DAYS
    note: Annotated[str, Field(max_length=LONGEST_NOTE, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")] = ""


class MadeToken(Answer):
    """An enrolment token that was made. Nobody can see it again."""

    token: str
    url: str
    command: str
    fingerprint: str
    expires: datetime
    note: str


class Authority(Answer):
    """What masters call, and the fingerprint by which they know it."""

    url: str
    fingerprint: str


class Revoked(Answer):
    """How many certificates were revoked."""

    count: int


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["fleet"])

    @routes.get("/enrolment", responses=declared(503))
    async def get_authority() -> Authority:
        """Say what masters call."""
        return Authority(url=services.desk.url, fingerprint=fingerprint_of(services.authority))

    @routes.get("/enrolment/tokens", responses=declared(503))
    async def get_tokens() -> list[EnrolmentToken]:
        """List enrolment tokens, the newest first."""
        return [EnrolmentToken.of_stored(token) for token in await services.store.tokens()]

    @routes.post("/enrolment/tokens", status_code=201, responses=declared(503))
    async def post_token(given: TokenGiven, calling: Calling) -> MadeToken:
        """Make an enrolment token: it takes one master in, once."""
        return MadeToken.of(await make_token(services, calling, given.days, given.note))

    @routes.delete("/enrolment/tokens/{id}", status_code=204, responses=declared(404, 503))
    async def remove_token(id: str, calling: Calling) -> None:
        """Delete an enrolment token."""
        await delete_token(services, calling, _bytes_of(id))

    @routes.delete("/masters/{serial}", status_code=204, responses=declared(404, 503))
    async def remove_master(serial: str, calling: Calling) -> None:
        """Forget a master and trust it no more; its meters and their readings stay."""
        await delete_master(services, calling, serial)

    @routes.post("/masters/{serial}/revoke", responses=declared(404, 503))
    async def revoke_all(serial: str, calling: Calling) -> Revoked:
        """Trust no certificate of a master any more."""
        return Revoked(count=await revoke_master(services, calling, serial))

    @routes.delete("/masters/{serial}/certificates/{number}", status_code=204, responses=declared(404, 503))
    async def revoke_one(serial: str, number: str, calling: Calling) -> None:
        """Trust a certificate no more; its number is in hex digits."""
        if not 0 < len(number) <= 40 or not all(char in "0123456789abcdef" for char in number):
            raise HTTPException(404)
        await revoke_certificate(services, calling, serial, int(number, 16))

    return routes


def _bytes_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise HTTPException(404) from None
