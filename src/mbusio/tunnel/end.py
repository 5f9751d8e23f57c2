"""One end of a tunnel: an operator's program, or a master. Bytes in, bytes out; it ends with a reason."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from mbusio.tunnel.frames import (
    GONE_SECONDS,
    KEEP_ALIVE_SECONDS,
    MAX_DATA,
    WINDOW,
    Account,
    Decoder,
    EndCode,
    Frame,
    FrameError,
    Kind,
    see_version,
)
from mbusio.tunnel.streaming import StreamingError

_ACK_AFTER: Final = WINDOW // 4
"""Bytes that were taken, before the other end is told."""
GOODBYE_SECONDS: Final = 2.0


class Carrier(Protocol):
    """What carries the frames: `mbusio.tunnel.streaming.Streaming`."""

    async def send(self, data: bytes) -> None:
        """Send bytes. Raise `StreamingError`."""

    async def receive(self) -> bytes:
        """Give bytes that have come, none at the end. Raise `StreamingError`."""

    async def close(self) -> None:
        """End."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a tunnel has ended."""

    code: EndCode
    text: str


class TunnelEndedError(Exception):
    """The tunnel has ended.

    :ivar ended: why.
    """

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.text)
        self.ended = ended


class TunnelEnd:
    """An end; `start` it in the event loop, `close` it in the end.

    :param on_end: is called once, when it has ended.
    :ivar ended: why it has; None while it is open.
    """

    def __init__(self, carrier: Carrier, on_end: Callable[[Ended], None] = lambda ended: None) -> None:
        self._carrier = carrier
        self._on_end = on_end
        self._decoder = Decoder()
        self._out = Account()
        self._in = Account()
        self._read = 0
        self._unread = bytearray()
        self._greeted = False
        self._changed = asyncio.Event()
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._heard_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self.ended: Ended | None = None

    @property
    def sent(self) -> int:
        """Bytes of the bus that went out."""
        return self._out.sent

    @property
    def received(self) -> int:
        """Bytes of the bus that came in."""
        return self._in.sent

    def start(self) -> None:
        """Begin to hear and to keep it alive."""
        self._heard_at = asyncio.get_running_loop().time()
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._keep_alive())]

    async def greet(self) -> None:
        """Send the first frame. Raise `TunnelEndedError`."""
        await self._send(Frame.hello())

    async def write(self, data: bytes) -> None:
        """Send bytes of the bus, waiting for room. Raise `TunnelEndedError`."""
        rest = memoryview(data)
        while rest:
            while self._out.room <= 0:
                await self._until_changed()
            piece = Frame.data(self._out.sent, bytes(rest[: min(MAX_DATA, self._out.room)]))
            self._out.data(piece)
            rest = rest[len(piece.content) :]
            await self._send(piece)

    async def read(self) -> bytes:
        """Give bytes of the bus that have come, at least one; at the end raise `TunnelEndedError`."""
        while not self._unread:
            await self._until_changed()
        count = len(self._unread)
        if self._read + count - self._in.taken >= _ACK_AFTER and self.ended is None:
            ack = Frame.ack(self._read + count)
            self._in.ack(ack)
            # Where that fails, reading on says so.
            with contextlib.suppress(TunnelEndedError):
                await self._send(ack)
        # Last, so that who is cancelled loses nothing.
        data = bytes(self._unread[:count])
        del self._unread[:count]
        self._read += count
        return data

    async def round_trip(self) -> float:
        """Measure how long a frame takes to the other end and back, in seconds. Raise `TunnelEndedError`."""
        loop = asyncio.get_running_loop()
        word = os.urandom(8)
        answered = self._pongs[word] = loop.create_future()
        began = loop.time()
        try:
            await self._send(Frame(Kind.PING, word))
            while not answered.done():
                await self._until_changed()
        finally:
            del self._pongs[word]
        return loop.time() - began

    async def close(self, code: EndCode = EndCode.CLOSED, text: str = "") -> None:
        """Say goodbye and why, and end; where it has ended already only tidy up."""
        if self.ended is None:
            with contextlib.suppress(StreamingError, TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._carrier.send(Frame.end(code, text).to_bytes())
            self._end(Ended(code, text or "closed by ourselves"))
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._carrier.close()

    async def _send(self, frame: Frame) -> None:
        if self.ended is None:
            try:
                await self._carrier.send(frame.to_bytes())
            except StreamingError as error:
                self._end(Ended(EndCode.LOST, f"the head-end is gone: {error}"))
        if self.ended is not None:
            raise TunnelEndedError(self.ended)

    async def _until_changed(self) -> None:
        if self.ended is not None:
            raise TunnelEndedError(self.ended)
        self._changed.clear()
        await self._changed.wait()

    async def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.ended is None:
                data = await self._carrier.receive()
                if not data:
                    raise StreamingError("the connection was closed")
                self._heard_at = loop.time()
                for frame in self._decoder.feed(data):
                    await self._take(frame)
        except StreamingError as error:
            self._end(Ended(EndCode.LOST, f"the head-end is gone: {error}"))
        except FrameError as error:
            with contextlib.suppress(StreamingError):
                await self._carrier.send(Frame.end(EndCode.BROKEN, str(error)).to_bytes())
            self._end(Ended(EndCode.BROKEN, f"what comes through the tunnel cannot be: {error}"))
        except TunnelEndedError:
            pass

    async def _take(self, frame: Frame) -> None:
        if not self._greeted:
            if frame.kind is not Kind.END:
                see_version(frame)
            self._greeted = True
        match frame.kind:
            case Kind.DATA:
                self._unread += self._in.data(frame)
            case Kind.ACK:
                self._out.ack(frame)
            case Kind.PING:
                await self._send(Frame(Kind.PONG, frame.payload))
            case Kind.PONG:
                answered = self._pongs.get(frame.payload)
                if answered is not None and not answered.done():
                    answered.set_result(None)
            case Kind.END:
                code, text = frame.reason
                self._end(Ended(code, text or "the other end closed the tunnel"))
        self._changed.set()

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        while self.ended is None:
            await asyncio.sleep(KEEP_ALIVE_SECONDS)
            if loop.time() - self._heard_at > GONE_SECONDS:
                self._end(Ended(EndCode.LOST, f"nothing was heard for {GONE_SECONDS:.0f} s"))
            with contextlib.suppress(TunnelEndedError):
                await self._send(Frame(Kind.PING, os.urandom(8)))

    def _end(self, ended: Ended) -> None:
        if self.ended is None:
            self.ended = ended
            self._on_end(ended)
        self._changed.set()
