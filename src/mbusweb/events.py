"""Event streams (server-sent events): few at a time, ended with the login of who listens and with the server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from fastapi import HTTPException, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from mbusweb.access import Access
from mbusweb.visitor import Visitor, visitor

MAX_STREAMS: Final = 24
MAX_OF_STRANGERS: Final = 8
"""So many of them for all on the LAN who have not logged in: they must not keep those out who work here."""
TICK_SECONDS: Final = 1.0
SILENCE_SECONDS: Final = 15.0
"""After so long without an event a comment is sent, so that a vanished browser is noticed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: a name, and HTML that takes the place of what was there."""

    name: str
    data: str

    def to_bytes(self) -> bytes:
        """Give the event as it travels (HTML Living Standard 9.2.5)."""
        lines = "\n".join(f"data: {line}" for line in self.data.splitlines())
        return f"event: {self.name}\n{lines}\n\n".encode()


class Streams:
    """All event streams of a server."""

    def __init__(self, access: Access, most: int = MAX_STREAMS) -> None:
        self._most = most
        self._count = 0
        self._strangers = 0
        self._access = access
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams: the server stops."""
        self._closing.set()

    def enter(self, who: Visitor) -> Callable[[], None]:
        """Count a stream, and give what ends that; raise 503 where there are too many."""
        stranger = not (who.is_setup or who.is_user or who.token_user)
        if self._count >= self._most or (stranger and self._strangers >= MAX_OF_STRANGERS):
            raise HTTPException(503)
        self._count += 1
        self._strangers += stranger

        def leave() -> None:
            self._count -= 1
            self._strangers -= stranger

        return leave

    async def seconds(self) -> AsyncIterator[None]:
        """Come back at once, then every second until the server stops."""
        while not self._closing.is_set():
            yield
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._closing.wait()
            except TimeoutError:
                continue

    async def carry(
        self, who: Visitor, events: AsyncGenerator[Event], is_welcome: Callable[[], bool] | None = None
    ) -> AsyncIterator[bytes]:
        """Give what goes to the browser until the events end, who listens is no longer welcome, or the server stops.

        :param is_welcome: as long as the login is on, if nothing else is said.
        """
        is_welcome = is_welcome or partial(self._is_welcome, who)
        waiting: asyncio.Task[Event] | None = None
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            # htmx shows the first event only after the stream has begun.
            yield b"retry: 3000\n\n"
            while is_welcome():
                waiting = waiting or asyncio.ensure_future(anext(events))
                done, _still = await asyncio.wait(
                    {waiting, closing}, timeout=SILENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if waiting in done:
                    try:
                        yield waiting.result().to_bytes()
                    except StopAsyncIteration:
                        return
                    waiting = None
                elif closing in done:
                    return
                else:
                    yield b": still here\n\n"
        finally:
            closing.cancel()
            if waiting is not None:
                waiting.cancel()
                await asyncio.wait({waiting})
            await events.aclose()

    def _is_welcome(self, who: Visitor) -> bool:
        return who.session is None or self._access.session(who.session.id, is_use=False) is not None


class _EventStream(StreamingResponse):
    """Counts as long as it is sent, also where the browser is gone before the first event."""

    def __init__(self, content: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def event_stream(
    request: Request, events: AsyncGenerator[Event], is_welcome: Callable[[], bool] | None = None
) -> Response:
    """Answer with an event stream; raise 503 where there are too many.

    :param is_welcome: as for `Streams.carry`.
    """
    streams: Streams = request.app.state.streams
    who = visitor(request)
    leave = streams.enter(who)
    return _EventStream(streams.carry(who, events, is_welcome), leave)
