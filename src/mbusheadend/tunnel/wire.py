"""A connection on which request and answer stream side by side, as an ASGI application sees it."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mbusio.tunnel.frames import MEDIA_TYPE
from mbusweb.connections import STREAMS_BODY


class Wire:
    """Bytes both ways."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_over = False

    async def receive(self) -> bytes:
        """Give bytes that came; none once the other side is gone."""
        while not self._is_over:
            message = await self._receive()
            if message["type"] != "http.request":
                self._is_over = True
                break
            self._is_over = not message.get("more_body", False)
            if body := message.get("body", b""):
                return bytes(body)
        return b""

    async def send(self, data: bytes) -> None:
        """Send bytes, waiting as long as the other side does not take them."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})


class StreamingAnswer(Response):
    """An answer that goes on as long as `serve` does."""

    def __init__(self, serve: Callable[[Wire], Awaitable[None]]) -> None:
        # Who stands between must not collect it.
        super().__init__(media_type=MEDIA_TYPE, headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._serve(Wire(receive, send))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def take_time(request: Request) -> None:
    """Let the body of a request be sent bit by bit."""
    streams = request.scope.get("state", {}).get(STREAMS_BODY)
    if streams is not None:
        streams()
