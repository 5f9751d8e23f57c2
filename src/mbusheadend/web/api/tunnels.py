"""Tunnels: the bus of a hosted master, read with one's own software."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mbusheadend.roles import OPERATOR as OPERATOR_ROLE
from mbusheadend.store import StoredCommand
from mbusheadend.tunnel import Asked, StreamingAnswer, take_time
from mbusheadend.web.door import OPERATOR
from mbusheadend.web.fleet_deeds import end_tunnel
from mbusheadend.web.services import Services
from mbusio.tunnel.frames import MEDIA_TYPE
from mbusweb.api.callers import Calling
from mbusweb.api.models import Answer, body_of
from mbusweb.api.problems import declared
from mbusweb.visitor import visitor

DOOR: Final = OPERATOR
PATH: Final = "/tunnels"
UPLOAD_LIMITS: Final = {PATH: 1 << 40}
"""Bytes through one tunnel: more than any bus carries."""
_NO_LONGER: Final = "the token was revoked, or has not the role that this needs any more"
_LINE: Final = r"^[^\x00-\x1f\x7f]*$"


class Tunnel(Answer):
    """A tunnel that is open, or waits for its master; `expires` is when it is over in any case."""

    id: str
    master: str
    bus: str
    who: str
    source: str
    reason: str
    since: datetime
    expires: datetime | None

    @classmethod
    def of_command(cls, stored: StoredCommand) -> "Tunnel":
        """Give it as it stands in the store."""
        order = stored.command.tunnel
        return cls(
            id=stored.command.id,
            master=stored.master,
            bus=order.bus if order else "",
            who=order.who if order else "",
            source=order.source if order else "",
            reason=order.reason if order else "",
            since=stored.added,
            expires=stored.command.expires,
        )


def router(services: Services) -> APIRouter:
    """Give the routes."""
    routes = APIRouter(tags=["tunnels"])

    @routes.post(
        PATH,
        response_class=Response,
        responses={
            **declared(404, 409, 503),
            200: {"description": "Frames, as long as it is open", "content": {MEDIA_TYPE: {}}},
        },
        openapi_extra=body_of(MEDIA_TYPE, "Frames, as long as it is open.", binary=True),
    )
    async def open_tunnel(
        request: Request,
        calling: Calling,
        master: Annotated[str, Query(max_length=64, description="Serial number.")],
        bus: Annotated[str, Query(max_length=64, description="Empty is the first.")] = "",
        reason: Annotated[str, Query(max_length=200, pattern=_LINE, description="For the audit log.")] = "",
        minutes: Annotated[int | None, Query(ge=1, le=1440, description="At most so long.")] = None,
    ) -> Response:
        """Open a tunnel to a bus, as `mbus` does for `hosted://…`: request and answer stream, and carry frames."""
        who = visitor(request)
        take_time(request)

        async def objection() -> str:
            if calling.is_program:
                owner = services.access.token(who.token, source=who.source)
                role = "" if owner is None else owner.role
            else:
                session = services.access.session(who.session.id, is_use=False) if who.session else None
                role = "" if session is None else session.role
            return "" if OPERATOR_ROLE in services.access.rules.up_to(role) else _NO_LONGER

        asked = Asked(master, bus, calling.user, calling.source, reason, minutes)
        opened = await services.tunnels.open(asked, objection)
        return StreamingAnswer(opened.serve)

    @routes.get("/masters/{serial}/tunnels", responses=declared(404, 503))
    async def list_tunnels(serial: str) -> list[Tunnel]:
        """List the tunnels to a master that are open, the newest first."""
        await services.store.master(serial)
        return [Tunnel.of_command(one) for one in await services.tunnels.list(serial)]

    @routes.delete("/masters/{serial}/tunnels/{id}", status_code=204, responses=declared(404, 503))
    async def delete_tunnel(serial: str, id: str, calling: Calling) -> None:
        """End a tunnel."""
        await end_tunnel(services, calling, serial, id)

    return routes
