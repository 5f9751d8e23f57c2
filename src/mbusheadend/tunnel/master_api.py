"""Where masters dial for a tunnel: ``POST /hosting/v1/tunnel/ID``, with the master's certificate."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mbusheadend.courier import Courier, CourierLostError
from mbusheadend.errors import RefusedError
from mbusheadend.peers import Gate, Peer
from mbusheadend.store import Store, StoreError, UnknownError
from mbusheadend.tunnel.envelope import to_operator
from mbusheadend.tunnel.relay import Half, Limits
from mbusheadend.tunnel.tunnels import joining
from mbusheadend.tunnel.wire import StreamingAnswer, Wire, take_time
from mbushosting.contact import CommandKind, RefusalCode
from mbushosting.tunnel import TUNNEL, TunnelOrder
from mbusio.tunnel.frames import EndCode

ACCEPT_SECONDS: Final = 5.0
MOST: Final = 1000
"""Connections of masters for tunnels, at this process."""


class TunnelApi:
    """The endpoint."""

    def __init__(self, store: Store, courier: Courier, now: Callable[[], datetime]) -> None:
        self._store = store
        self._courier = courier
        self._now = now
        self._gate = Gate(store, now)
        self._halves: set[Half] = set()
        self._waiting = 0

    def routes(self) -> list[Route]:
        """Give the endpoint."""
        return [Route(f"{TUNNEL}/{{id}}", self._dialled, methods=["POST"])]

    def close(self) -> None:
        """End all; the process ends."""
        for half in self._halves:
            half.end(EndCode.ENDED, "the head-end is being stopped")

    async def _dialled(self, request: Request) -> Response:
        peer = await self._gate.admit(request)
        take_time(request)
        order = await self._order(peer, request.path_params["id"])
        if len(self._halves) + self._waiting >= MOST:
            raise RefusedError(503, RefusalCode.BUSY, "too many tunnels at once", retry_after=60)
        id = request.path_params["id"]
        context = AsyncExitStack()
        self._waiting += 1
        try:
            heard = await context.enter_async_context(joining(self._courier, id, ACCEPT_SECONDS))
        except CourierLostError as error:
            raise RefusedError(503, RefusalCode.BUSY, f"it cannot be carried now: {error}") from error
        finally:
            self._waiting -= 1
        if heard is None:
            await context.aclose()
            raise RefusedError(409, RefusalCode.MALFORMED, "nobody waits for this tunnel any more")

        async def serve(wire: Wire) -> None:
            async with context, self._looked_after(peer) as objection:
                limits = Limits(order.seconds, order.idle_seconds)
                half = Half(self._courier, heard, to_operator(id), wire, "the master", limits, objection.tell)
                objection.changed = half.look
                self._halves.add(half)
                try:
                    await half.run()
                finally:
                    self._halves.discard(half)

        return StreamingAnswer(serve)

    async def _order(self, peer: Peer, id: str) -> TunnelOrder:
        """Find what was ordered of this very master. Raise `RefusedError`."""
        unknown = RefusedError(404, RefusalCode.MALFORMED, "no such tunnel is wanted of this master")
        try:
            stored = await self._store.command(peer.serial, id)
        except UnknownError:
            raise unknown from None
        order = stored.command.tunnel
        if stored.command.kind is not CommandKind.TUNNEL or order is None or not stored.state.is_open:
            raise unknown
        return order

    @contextlib.asynccontextmanager
    async def _looked_after(self, peer: Peer) -> "AsyncIterator[_Objection]":
        """Watch whether a master is trusted still."""
        objection = _Objection(self._gate, peer)
        with self._store.changes.watch(peer.serial) as news:

            async def watch() -> None:
                while True:
                    await news.wait()
                    news.clear()
                    objection.changed()

            watching = asyncio.create_task(watch())
            try:
                yield objection
            finally:
                watching.cancel()


class _Objection:
    def __init__(self, gate: Gate, peer: Peer) -> None:
        self._gate = gate
        self._peer = peer
        self.changed: Callable[[], None] = lambda: None

    async def tell(self) -> str:
        """Say why the master must go."""
        try:
            await self._gate.check(self._peer)
        except RefusedError as error:
            return f"the head-end trusts this master no more: {error.reason}"
        except StoreError:
            # Whether it is trusted cannot be known now: the next look says.
            return ""
        return ""
