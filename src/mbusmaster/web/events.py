"""Event streams (server-sent events): few at a time, ended with the login of who listens and with the server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from fastapi import HTTPException, Request
from starlette.responses import Response, StreamingResponse

from mbusmaster.access import Access
from mbusmaster.web.visitor import Visitor, visitor

MAX_STREAMS: Final = 24
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

    def __init__(self, access: Access) -> None:
        self.count = 0
        self._access = access
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams: the server stops."""
        self._closing.set()

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
            self.count -= 1
            closing.cancel()
            if waiting is not None:
                waiting.cancel()
                await asyncio.wait({waiting})
            await events.aclose()

    def _is_welcome(self, who: Visitor) -> bool:
        return who.session is None or self._access.session(who.session.id, is_use=False) is not None


def event_stream(
    request: Request, events: AsyncGenerator[Event], is_welcome: Callable[[], bool] | None = None
) -> Response:
    """Answer with an event stream; raise 503 where there are too many.

    :param is_welcome: as for `Streams.carry`.
    """
    streams: Streams = request.app.state.streams
    if streams.count >= MAX_STREAMS:
        raise HTTPException(503)
    streams.count += 1
    return StreamingResponse(
        streams.carry(visitor(request), events, is_welcome),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )
