"""One client of a transparent channel: bytes in, frames to the bus, bytes of the answer out (MBUS.md 10.1).

What the client sends is cut into frames; what is no frame is dropped, an unfinished one after `PARTIAL_SECONDS`. Frames go to the
bus one after the other. Nothing is repeated and no answer is invented: silence stays silence.

A master on a bus asks one thing at a time. So a client that sends a frame while an earlier one has no answer yet either sent both
together (they are carried out in order) or has given up the earlier one after its own timeout. That one is then not sent any
more, or its answer is thrown away: the client would take it for the answer to its new question. The same frame again is the same
question and keeps its place in the queue. A client that knows this gateway need not guess: it asks whether silence was silence
(`mbusio.barrier`), which gives nothing up and is answered here, in its turn, with the verdict on what it asked since it last did.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from mbus.application.commands import is_initialisation
from mbus.link.decoder import Dropped, Event, StreamDecoder
from mbus.link.frames import SingleCharacter
from mbus.link.transaction import Silence
from mbusio.barrier import BARRIER, Verdict
from mbusmaster.bus.client import Client
from mbusmaster.bus.requests import MasterFrame, Withheld

READ_SIZE: Final = 4096
PARTIAL_SECONDS: Final = 1.0
GIVEN_UP_SECONDS: Final = 0.1
"""A frame that comes so much later than one without answer was not sent together with it."""
MAX_PENDING: Final = 16
"""Frames that one client may have waiting; then no more is read from it."""
MAX_UNREAD: Final = 64 * 1024
"""Bytes of answers that one client may leave unread."""
FLOOD: Final = 4096
"""So many bytes in a row without a frame come from no master: they are thrown away unseen until there is a pause."""
FLOOD_PAUSE: Final = 0.2
FLOOD_READ_SIZE: Final = 64 * 1024
FLOOD_REST: Final = 0.002


class _Pending:
    def __init__(self, frame: MasterFrame, at: float) -> None:
        self.frame = frame
        self.at = at
        self.given_up = False
        self.asked_again = False
        self.has_answer = False

    def is_wanted(self) -> bool:
        # SND_NKE changes what later answers mean, so it is sent even when nobody waits for its acknowledgement any more.
        return not self.given_up or is_initialisation(self.frame)


class Session:
    """A connected client.

    :param client: its share of the bus; closed by whoever made it.
    :param tell: is given a kind of event and a line for the log; whoever listens keeps repetitions out of it.
    :param idle_close: seconds without a frame after which the session ends.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: Client,
        *,
        tell: Callable[[str, str], None],
        idle_close: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._client = client
        self._tell = tell
        self._idle_close = idle_close
        self._decoder = StreamDecoder()
        self._without_frame = 0
        self._pending: deque[_Pending] = deque()
        self._changed = asyncio.Event()
        self._held_back_until = float("-inf")
        self._ended = False
        self._verdict = Verdict.DONE
        self._listening: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")

    async def run(self) -> None:
        """Serve the client until it leaves, is idle for too long, or reads nothing."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._work())
                self._listening = tasks.create_task(self._hear_all())
        except* ConnectionError:
            pass
        finally:
            await self._close()

    def finish(self) -> None:
        """Hear no more; what is being answered is answered, then the session ends. What waits behind it is not sent any more."""
        while len(self._pending) > 1:
            self._pending.pop()
        if self._listening is not None:
            self._listening.cancel()

    def quiet_seconds(self, now: float) -> float:
        """Tell for how long it has asked nothing and waited for nothing; infinite when it never asked."""
        return 0.0 if self._pending else now - self._asked_at

    async def _hear_all(self) -> None:
        try:
            await self._listen()
        finally:
            # A client may close its direction and still wait for its answers.
            self._ended = True
            self._changed.set()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        frame_at = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(self._next_deadline(frame_at, loop.time())):
                    data = await self._reader.read(FLOOD_READ_SIZE if self._is_flood else READ_SIZE)
            except TimeoutError:
                self._quiet()
            else:
                if self._writer.is_closing():
                    raise ConnectionAbortedError
                if not data:
                    return
                if await self._take(data):
                    frame_at = loop.time()
            if not self._pending and loop.time() - frame_at >= self._idle_close:
                self._tell("idle", f"no request for {self._idle_close:.0f} s: connection closed")
                return

    @property
    def _is_flood(self) -> bool:
        return self._without_frame >= FLOOD

    def _next_deadline(self, frame_at: float, now: float) -> float:
        if self._is_flood:
            return now + FLOOD_PAUSE
        if self._decoder.pending:
            return now + PARTIAL_SECONDS
        return max(frame_at + self._idle_close, now + PARTIAL_SECONDS)

    def _quiet(self) -> None:
        """Nothing has come for a while: what has begun will not end, a flood is over."""
        if self._is_flood:
            self._decoder = StreamDecoder()
        else:
            self._digest(self._decoder.flush())
        self._without_frame = 0

    async def _take(self, data: bytes) -> bool:
        """Take bytes from the client; tell whether a frame was among them."""
        if self._is_flood:
            await asyncio.sleep(FLOOD_REST)
            return False
        found = self._digest(self._decoder.feed(data))
        self._without_frame = 0 if found else self._without_frame + len(data)
        if self._without_frame >= FLOOD:
            self._tell(
                "flood",
                f"{self._without_frame} bytes without a frame: what follows is thrown away until a pause",
            )
        while len(self._pending) >= MAX_PENDING and not self._writer.is_closing():
            self._changed.clear()
            await self._changed.wait()
            self._held_back_until = asyncio.get_running_loop().time()
        return found

    def _digest(self, events: list[Event]) -> bool:
        found = False
        for event in events:
            if isinstance(event, Dropped):
                self._tell("garbage", f"{event.count} bytes are no frame: {event.reason}")
            elif isinstance(event, SingleCharacter):
                self._tell("garbage", f"{event.code:02X} is nothing that a master sends")
            else:
                found = True
                self._ask(event)
        return found

    def _ask(self, frame: MasterFrame) -> None:
        now = asyncio.get_running_loop().time()
        # What was not read while too much was waiting came long ago; and who asks whether all is done still waits for it.
        came_together = now - self._held_back_until <= GIVEN_UP_SECONDS
        for earlier in () if came_together or frame == BARRIER else self._pending:
            if now - earlier.at <= GIVEN_UP_SECONDS:
                continue
            if earlier.frame == frame and not earlier.given_up and not earlier.has_answer:
                earlier.asked_again = True
                earlier.at = now
                return
            earlier.given_up = True
        self._asked_at = now
        self._pending.append(_Pending(frame, now))
        self._changed.set()

    async def _work(self) -> None:
        while not (self._ended and not self._pending):
            while self._pending:
                if self._writer.is_closing():
                    # Nobody is left who would hear the answers.
                    return
                await self._carry_out(self._pending[0])
                self._pending.popleft()
                self._changed.set()
            if not self._ended:
                self._changed.clear()
                await self._changed.wait()

    async def _carry_out(self, pending: _Pending) -> None:
        def answer(data: bytes) -> None:
            pending.has_answer = True
            if not pending.given_up:
                self._send(data)

        if pending.frame == BARRIER:
            answer(self._take_verdict().frame.to_bytes())
            return
        while pending.is_wanted():
            pending.asked_again = False
            outcome = await self._client.transparent(pending.frame, answer, wanted=pending.is_wanted)
            if isinstance(outcome, Silence) and pending.asked_again:
                continue
            if isinstance(outcome, Withheld) and not pending.given_up and self._verdict is Verdict.DONE:
                self._verdict = outcome.verdict
            return

    def _take_verdict(self) -> Verdict:
        verdict, self._verdict = self._verdict, Verdict.DONE
        return verdict if self._client.has_bus else Verdict.DOWN

    def _send(self, data: bytes) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
            self._tell("slow", "does not read its answers: connection closed")
            self._writer.transport.abort()

    async def _close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(PARTIAL_SECONDS):
                await self._writer.wait_closed()
        self._writer.transport.abort()
