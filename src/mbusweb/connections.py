"""HTTP connections of browsers and masters: uvicorn's protocol, with an end for those that send, read or wait too slowly."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEADER_SECONDS: Final = 10.0
"""For the header of a request, from its first byte or the begin of the connection."""
BODY_LOOK_SECONDS: Final = 10.0
BODY_LOOK_BYTES: Final = 2000
"""So much of a body must come between two looks."""
WRITE_SECONDS: Final = 30.0
"""A client that takes nothing of an answer for so long is gone."""
LINGER_SECONDS: Final = 2.0
"""What is left of a body after the answer is thrown away for so long, so that the answer gets through."""
KEEP_ALIVE_SECONDS: Final = 30
MAX_HEADER: Final = 16 * 1024
GRACE_SECONDS: Final = 3.0
"""For answers that are under way when a server stops."""
ABORT_SECONDS: Final = 1.0
"""For connections that were cut off to be gone."""
MAX_CONNECTIONS: Final = 120
MAX_PER_SOURCE: Final = 40
STREAMS_BODY: Final = "mbusweb.streams_body"
"""Key in the state of a request's scope; to be called, without an argument, by who takes a body that is sent bit by bit."""

_log = logging.getLogger("mbusweb.connections")
# What strangers send is no news; errors of our own are.
_log.setLevel(logging.ERROR)


class Crowd:
    """Counts connections, all and by source."""

    def __init__(self, most: int = MAX_CONNECTIONS, most_per_source: int = MAX_PER_SOURCE) -> None:
        self._most = most
        self._most_per_source = most_per_source
        self._here: dict[Connection, str] = {}
        self._sources: Counter[str] = Counter()
        self._nobody = asyncio.Event()
        self._nobody.set()

    def enter(self, connection: "Connection", source: str) -> bool:
        """Let a connection in; where there is no room, one that only waits makes room. Tell whether it is in."""
        own = self._sources[source] >= self._most_per_source
        if (own or len(self._here) >= self._most) and not self._make_room(source if own else None):
            return False
        self._here[connection] = source
        self._sources[source] += 1
        self._nobody.clear()
        return True

    def leave(self, connection: "Connection") -> None:
        """Forget a connection."""
        source = self._here.pop(connection, None)
        if source is not None:
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]
        if not self._here:
            self._nobody.set()

    async def empty(self) -> None:
        """Wait until no connection is left."""
        await self._nobody.wait()

    def _make_room(self, source: str | None) -> bool:
        for connection, other in self._here.items():
            if (source is None or source == other) and connection.is_waiting:
                self.leave(connection)
                connection.transport.abort()
                return True
        return False


async def end_connections(state: ServerState, crowds: Collection[Crowd]) -> None:
    """Let answers under way end, until every client has taken what there is for it, and cut off what does not end in time.

    :param state: of connections that nobody joins any more.
    """
    for connection in list(state.connections):
        connection.shutdown()
    await _emptied(state, crowds, GRACE_SECONDS)
    for task in set(state.tasks):
        task.cancel()
    for connection in list(state.connections):
        connection.transport.abort()
    await _emptied(state, crowds, ABORT_SECONDS)


async def _emptied(state: ServerState, crowds: Collection[Crowd], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            if state.tasks:
                await asyncio.wait(set(state.tasks))
            for crowd in crowds:
                await crowd.empty()


class Connection(H11Protocol):
    """One connection of a client."""

    def __init__(self, config: Config, server_state: ServerState, crowd: Crowd) -> None:
        super().__init__(config, server_state, {STREAMS_BODY: self.stream_body})
        self.logger = _log
        self.access_log = False
        self._crowd = crowd
        self._taken = 0
        self._streams_body = False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def is_waiting(self) -> bool:
        """Between two requests, or before the first one is whole."""
        return self.cycle is None or self.cycle.response_complete

    def stream_body(self) -> None:
        """Let the body that is being sent take its time: whoever takes it looks after it, and this is the last request here."""
        self._streams_body = True
        self._stop("body")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        if not self._crowd.enter(self, self.client[0] if self.client else ""):
            transport.abort()
            return
        self._start("header", HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._crowd.leave(self)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see to it that the rest follows."""
        self._taken += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            if self.conn.trailing_data[0]:
                self._start("header", HEADER_SECONDS)
            elif "linger" in self._timers:
                # The rest of a body came that nobody wanted: the next request may follow.
                self._stop("linger")
                self._start("header", HEADER_SECONDS)
            return
        self._stop("header")
        if self.conn.their_state is h11.SEND_BODY and "body" not in self._timers:
            self._look_at_body(self._taken)

    def on_response_complete(self) -> None:
        """Wait for the next request, unless this one is still being sent: what is too long never ends."""
        if self.conn.their_state is h11.SEND_BODY:
            self._start("linger", LINGER_SECONDS)
            self.flow.resume_reading()
            return
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for a client that does not read."""
        super().pause_writing()
        self._start("write", WRITE_SECONDS)

    def resume_writing(self) -> None:
        """The client reads."""
        self._stop("write")
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; in the middle of an answer there is no place to say so."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with contextlib.suppress(h11.LocalProtocolError):
                super().send_400_response(msg)
        self.transport.close()

    def shutdown(self) -> None:
        """End after the answer that is under way."""
        try:
            super().shutdown()
        except h11.LocalProtocolError:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: strangers ask for all kinds of things."""

    def _look_at_body(self, taken_before: int) -> None:
        self._stop("body")
        if self._streams_body or self.conn.their_state is not h11.SEND_BODY or self.transport.is_closing():
            return
        timer = self.loop.call_later(BODY_LOOK_SECONDS, self._judge_body, taken_before)
        self._timers["body"] = timer

    def _judge_body(self, taken_before: int) -> None:
        self._timers.pop("body", None)
        still = self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused
        if still and self._taken - taken_before < BODY_LOOK_BYTES:
            self.transport.abort()
        else:
            self._look_at_body(self._taken)

    def _start(self, name: str, seconds: float) -> None:
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, self._too_late, name)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _too_late(self, name: str) -> None:
        self._timers.pop(name, None)
        self.transport.abort()


def configure(app: Any) -> Config:
    """Give uvicorn's settings for its protocol: no headers of proxies, no log of addresses, nothing about itself."""
    config = Config(
        app,
        interface="asgi3",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER,
    )
    config.load()
    return config
