"""All tenants of a running head-end: who asks is brought to what is the tenant's, and to nothing else.

Of a master its certificate says whose it is, which its authority has signed; of one that is not taken in yet its token does. Of a
program its API token says it, of a browser a cookie, which names the customer that its user chose: users are each tenant's own,
so a wrong name opens nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mbusheadend.app import create_app
from mbusheadend.errors import HeadEndError, RefusedError
from mbusheadend.est import token_of
from mbusheadend.peers import PEER, Peer
from mbusheadend.store import StoreError
from mbusheadend.tenants.registry import Tenants
from mbusheadend.tenants.running import Running
from mbusheadend.tenants.tenant import NAME, Tenant
from mbusheadend.users import tenant_of_token
from mbusheadend.web.customer import CUSTOMER
from mbushosting.contact import RefusalCode
from mbushosting.enrolment import EST
from mbusweb.entrance import bearer_of, read_cookies
from mbusweb.visitor import cookie_name

LOOK_SECONDS: Final = 15.0
"""After which a tenant that a command has added, changed or deleted is seen at the latest."""
COOKIE: Final = "mbusheadend_customer"
LOGIN: Final = "/login"
FIELD: Final = "tenant"
_YEAR: Final = 365 * 86400

_log = logging.getLogger(__name__)
Open = Callable[[Tenant], Awaitable[Running]]


class House:
    """Tenants in this process.

    :param open_tenant: opens the store of one that is not the main one, and starts all that works over it; raises `HeadEndError`.
    :param close_tenant: ends that.
    """

    def __init__(
        self,
        main: Running,
        registry: Tenants,
        open_tenant: Open,
        close_tenant: Callable[[Running], Awaitable[None]],
    ) -> None:
        self._registry = registry
        self._open = open_tenant
        self._close = close_tenant
        self.main = main
        self._others: dict[int, Running] = {}
        self._known: dict[str, int] = {}
        self._looking = asyncio.Lock()

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one tenant."""
        return bool(self._known.keys() - {self.main.tenant.name})

    def all(self) -> tuple[Running, ...]:
        """Give all that are open, the main one first."""
        return (self.main, *self._others.values())

    def get(self, id: int) -> Running | None:
        """Give one by its number; None where it is not there, or not yet."""
        return self.main if id == self.main.tenant.id else self._others.get(id)

    def named(self, name: str) -> Running | None:
        """Give one by its name; None where it is not there, or not yet."""
        id = self._known.get(name)
        return None if id is None else self.get(id)

    async def run(self) -> None:
        """Follow the registry until cancelled."""
        while True:
            try:
                await self.look()
            except (HeadEndError, StoreError) as error:
                _log.error("which tenants there are is not known anew: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once. Raise `HeadEndError`, `StoreError`."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        tenants = {one.id: one for one in await asyncio.to_thread(self._registry.all)}
        for id in self._others.keys() - tenants.keys():
            gone = self._others.pop(id)
            _log.info("tenant %s is gone", gone.tenant.name)
            await self._close(gone)
        for id, tenant in tenants.items():
            there = self.get(id)
            if there is not None:
                there.change(tenant)
                continue
            try:
                self._others[id] = await self._open(tenant)
                _log.info("tenant %s is there", tenant.name)
            except (HeadEndError, StoreError) as error:
                _log.error("tenant %s cannot be served: %s", tenant.name, error)
        self._known = {one.name: one.id for one in tenants.values()}

    async def stop(self) -> None:
        """End all but the main one."""
        while self._others:
            _, one = self._others.popitem()
            await self._close(one)


class MastersOfAll:
    """What masters call, of all tenants.

    :param main: the application of the main one.
    """

    def __init__(self, house: House, main: ASGIApp) -> None:
        self._house = house
        self._main = main

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._main
        if scope["type"] == "http":
            app = await self._app_for(scope)
        await app(scope, receive, send)

    async def _app_for(self, scope: Scope) -> ASGIApp:
        peer: Peer | None = scope.get(PEER)
        main = self._house.main.tenant.id
        id = main if peer is None else peer.tenant
        if self._house.is_shared and scope["path"] == f"{EST}/simpleenroll":
            id = await self._of_token(scope)
        if id == main:
            return self._main
        there = self._house.get(id)
        return _NOBODY if there is None else there.masters_app

    async def _of_token(self, scope: Scope) -> int:
        """Tell whose the token of a master is that wants to be taken in; the main one says no where it is nobody's."""
        token = token_of(Request(scope))
        if token is not None:
            for one in self._house.all():
                try:
                    if any(known.hash == token for known in await one.store.tokens()):
                        return one.tenant.id
                except StoreError as error:
                    _log.error("tokens of tenant %s: %s", one.tenant.name, error)
        return self._house.main.tenant.id


class PagesOfAll:
    """Pages and API of all tenants; those of a tenant are put together when somebody asks for them.

    :param pages: puts them together.
    """

    def __init__(self, house: House, pages: Callable[[Running], ASGIApp]) -> None:
        self._house = house
        self._main = pages(house.main)
        self._pages = pages
        self._others: dict[int, tuple[Running, ASGIApp]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self._house.is_shared:
            await self._main(scope, receive, send)
            return
        headers = Headers(scope=scope)
        name = cookie_name(COOKIE, secure=scope["scheme"] == "https")
        chosen = _chosen(scope)
        said = chosen or read_cookies(headers).get(name, "")
        CUSTOMER.set(said if NAME.fullmatch(said) else "")
        there = self._of(scope, headers, said)

        async def send_with_choice(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure = "; Secure" if scope["scheme"] == "https" else ""
                value = f"{name}={chosen}; HttpOnly; Path=/; SameSite=Strict; Max-Age={_YEAR}{secure}"
                MutableHeaders(scope=message).append("set-cookie", value)
            await send(message)

        await self._app_of(there)(scope, receive, send_with_choice if chosen else send)

    @property
    def paths(self) -> frozenset[str]:
        """Those of the pages of the main tenant."""
        return frozenset(self._main.state.renderer.paths)  # type: ignore[attr-defined]

    def close(self) -> None:
        """End what is streamed to browsers."""
        for app in (self._main, *(app for _, app in self._others.values())):
            app.state.streams.close()  # type: ignore[attr-defined]

    def _of(self, scope: Scope, headers: Headers, name: str) -> Running:
        bearer = bearer_of(headers) if scope["path"].startswith("/api/") else ""
        there = self._house.get(tenant_of_token(bearer)) if bearer else self._house.named(name)
        # Whoever names nobody is shown what everybody is shown, and finds no user of his there.
        return there or self._house.main

    def _app_of(self, there: Running) -> ASGIApp:
        if there is self._house.main:
            return self._main
        known = self._others.get(there.tenant.id)
        if known is None or known[0] is not there:
            known = self._others[there.tenant.id] = there, self._pages(there)
        return known[1]


def _chosen(scope: Scope) -> str:
    """Give the customer that a link to the login names; empty for none."""
    if scope["path"] != LOGIN or scope["method"] != "GET":
        return ""
    found = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20).get(FIELD, [""])[0].strip()
    return found.lower() if NAME.fullmatch(found.lower()) else ""


async def _refuse(request: Request) -> Response:
    raise RefusedError(403, RefusalCode.REVOKED, "whose master this is, is not known here")


_NOBODY: Final = create_app([Route("/{path:path}", _refuse, methods=["GET", "POST"])])
"""For masters of a tenant that is not there."""
