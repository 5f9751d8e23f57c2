"""One half of a tunnel: frames from a connection to the courier and back, looked at as they pass.

Nothing is taken on trust: frames of both directions are counted, so that an end that keeps to no window, sends wrong positions or
never reads costs no more than a window of memory, and the tunnel.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from mbusheadend.courier import Courier, CourierLostError, Subscription
from mbusheadend.tunnel.envelope import MOST_FRAMES, Envelope, Part
from mbusheadend.tunnel.wire import Wire
from mbusio.tunnel.end import Ended
from mbusio.tunnel.frames import (
    GONE_SECONDS,
    Account,
    Decoder,
    EndCode,
    Frame,
    FrameError,
    Kind,
    see_version,
)

LOOK_SECONDS: Final = 15.0
"""Between two looks at whether both may still be here."""
GOODBYE_SECONDS: Final = 2.0
_PINGS: Final = 60
"""That may come at once, and so many more each `LOOK_SECONDS`."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one tunnel, in seconds."""

    longest: float
    idle: float


class Half:
    """One half; `run` does the work.

    :param side: who is on the wire, for texts: "the operator's program", "the master".
    :param theirs: topic of the other half.
    :param objection: tells why who is on the wire must go; empty while nobody objects.
    :ivar up: bytes of the bus from the wire, `down` to it.
    """

    def __init__(
        self,
        courier: Courier,
        heard: Subscription,
        theirs: str,
        wire: Wire,
        side: str,
        limits: Limits,
        objection: Callable[[], Awaitable[str]],
    ) -> None:
        self._courier = courier
        self._heard = heard
        self._theirs = theirs
        self._wire = wire
        self._side = side
        self._limits = limits
        self._objection = objection
        self._up = Account()
        self._down = Account()
        self._number = 0
        self._expected = 0
        self._greeted = False
        self._pings = _PINGS
        self._looking = asyncio.Event()
        self._publishing = asyncio.Lock()
        loop = asyncio.get_running_loop()
        self._wire_heard = self._other_heard = self._data_at = self._began = loop.time()
        self._ended: asyncio.Future[tuple[Ended, bool, bool]] = loop.create_future()

    @property
    def up(self) -> int:
        """Bytes of the bus that came from the wire."""
        return self._up.sent

    @property
    def down(self) -> int:
        """Bytes of the bus that went to it."""
        return self._down.sent

    def look(self) -> None:
        """See at once whether who is here may still be."""
        self._looking.set()

    def end(self, code: EndCode, text: str) -> None:
        """End it, and tell both."""
        self._end(code, text)

    async def run(self) -> Ended:
        """Pass frames until it has ended; say why."""
        tasks = [asyncio.create_task(work()) for work in (self._from_wire, self._from_other, self._watch)]
        for task in tasks:
            task.add_done_callback(self._see_that_it_worked)
        try:
            # By itself: a reader of the wire may never come to an end.
            ended, tell_wire, tell_other = await asyncio.shield(self._ended)
            goodbye = Frame.end(ended.code, ended.text).to_bytes()
            with contextlib.suppress(TimeoutError, CourierLostError, OSError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    if tell_other:
                        await self._publish(goodbye)
                    if tell_wire:
                        await self._wire.send(goodbye)
            return ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _see_that_it_worked(self, task: "asyncio.Task[None]") -> None:
        """End it where a part of it is gone: without `_watch`, such as, it would have no time limit."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("an error in a tunnel", exc_info=error)
            self._end(EndCode.LOST, "an error in the head-end; its log says more")

    async def _from_wire(self) -> None:
        decoder = Decoder()
        try:
            while data := await self._wire.receive():
                self._wire_heard = self._now()
                pieces = bytearray()
                for frame in decoder.feed(data):
                    self._see_from_wire(frame)
                    piece = frame.to_bytes()
                    if len(pieces) + len(piece) > MOST_FRAMES:
                        await self._publish(bytes(pieces))
                        pieces.clear()
                    pieces += piece
                    if frame.kind is Kind.END:
                        await self._publish(bytes(pieces))
                        code, text = frame.reason
                        self._end(code, text or f"{self._side} closed the tunnel", wire=False, other=False)
                        return
                if pieces:
                    await self._publish(bytes(pieces))
            self._end(EndCode.LOST, f"the connection of {self._side} is gone", wire=False)
        except FrameError as error:
            self._end(EndCode.BROKEN, f"{self._side} sends what cannot be: {error}")
        except CourierLostError as error:
            self._end(EndCode.LOST, f"the head-end lost something on the way: {error}")

    async def _from_other(self) -> None:
        decoder = Decoder()
        try:
            while True:
                envelope = Envelope.from_bytes(await self._heard.receive())
                if envelope.part is Part.STOP:
                    code, text = Frame(Kind.END, envelope.content).reason
                    self._end(code, text)
                    return
                if envelope.part is not Part.FRAMES:
                    continue
                if envelope.number != self._expected:
                    raise CourierLostError("a message is missing")
                self._expected += 1
                self._other_heard = self._now()
                for frame in decoder.feed(envelope.content):
                    self._see_from_other(frame)
                    if frame.kind is Kind.END:
                        code, text = frame.reason
                        self._end(code, text, other=False)
                        return
                await self._wire.send(envelope.content)
        except FrameError as error:
            self._end(EndCode.BROKEN, f"what passes through the head-end cannot be: {error}")
        except CourierLostError as error:
            self._end(EndCode.LOST, f"the head-end lost something on the way: {error}")
        except OSError:
            self._end(EndCode.LOST, f"the connection of {self._side} is gone", wire=False)

    async def _watch(self) -> None:
        while True:
            until = min(
                self._now() + LOOK_SECONDS,
                self._began + self._limits.longest,
                self._data_at + self._limits.idle,
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._looking.wait()
            self._looking.clear()
            self._pings = _PINGS
            now = self._now()
            if now - self._began >= self._limits.longest:
                self._end(EndCode.TIME, f"the tunnel was open for {self._limits.longest / 60:.3g} minutes")
            elif now - self._data_at >= self._limits.idle:
                self._end(EndCode.IDLE, f"nothing was sent for {self._limits.idle / 60:.3g} minutes")
            elif now - self._wire_heard >= GONE_SECONDS:
                self._end(EndCode.LOST, f"{self._side} has said nothing for {GONE_SECONDS:.0f} s")
            elif now - self._other_heard >= GONE_SECONDS:
                self._end(EndCode.LOST, f"the other side has said nothing for {GONE_SECONDS:.0f} s")
            elif objection := await self._objection():
                self._end(EndCode.REVOKED, objection)

    def _see_from_wire(self, frame: Frame) -> None:
        if not self._greeted:
            if frame.kind is not Kind.END:
                see_version(frame)
            self._greeted = True
            return
        match frame.kind:
            case Kind.DATA:
                self._up.data(frame)
                self._data_at = self._now()
            case Kind.ACK:
                self._down.ack(frame)
            case Kind.PING | Kind.PONG:
                self._pings -= 1
                if self._pings < 0:
                    raise FrameError("too many PINGs")
            case Kind.HELLO:
                raise FrameError("a second HELLO")

    def _see_from_other(self, frame: Frame) -> None:
        if frame.kind is Kind.DATA:
            self._down.data(frame)
            self._data_at = self._now()
        elif frame.kind is Kind.ACK:
            self._up.ack(frame)

    async def _publish(self, frames: bytes) -> None:
        async with self._publishing:
            message = Envelope(Part.FRAMES, self._number, frames).to_bytes()
            self._number += 1
            await self._courier.publish(self._theirs, message)

    def _end(self, code: EndCode, text: str, *, wire: bool = True, other: bool = True) -> None:
        """End for a reason; the first one counts.

        :param wire: whether who is on the wire has to be told; :param other: whether the other half has.
        """
        if not self._ended.done():
            self._ended.set_result((Ended(code, text), wire, other))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
