"""A few meters behind TCP, in a thread of their own, so that a whole command can run against them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mbus.addressing import BROADCAST, SELECTED, TEST, SecondaryAddress
from mbus.link.decoder import StreamDecoder
from mbus.link.fields import FCB, REQ_UD2, SND_NKE, SND_UD, function_of
from mbus.link.frames import LongFrame, ShortFrame

E5 = b"\xe5"


@dataclass(slots=True)
class ScriptedMeter:
    """Answers with fixed records behind a long header; obeys what is written to it."""

    primary: int
    secondary: SecondaryAddress
    telegrams: list[bytes] = field(default_factory=lambda: [bytes.fromhex("0406E7910000")])
    obeys: bool = True
    written: list[LongFrame] = field(default_factory=list)
    selected: bool = False
    position: int = 0
    fcb: bool | None = None

    def answer(self, frame: LongFrame | ShortFrame) -> bytes:
        if isinstance(frame, LongFrame) and frame.ci == 0x52:
            self.selected = SecondaryAddress.from_bytes(frame.data[:8]).matches(self.secondary)
            self.fcb = None
            return E5 if self.selected else b""
        mine = frame.address in (self.primary, TEST, BROADCAST) or (
            frame.address == SELECTED and self.selected
        )
        if not mine:
            return b""
        reply = self._carry_out(frame)
        return b"" if frame.address == BROADCAST else reply

    def _carry_out(self, frame: LongFrame | ShortFrame) -> bytes:
        function = function_of(frame.control)
        if function == SND_NKE:
            self.fcb, self.position = None, 0
            self.selected = self.selected and frame.address != SELECTED
            return E5
        if function == SND_UD and isinstance(frame, LongFrame):
            self.written.append(frame)
            if self.obeys and frame.data[:2] == b"\x01\x7a":
                self.primary = frame.data[2]
            if self.obeys and frame.data[:2] == b"\x04\x6d":
                self.telegrams = [frame.data]
            return E5
        return self._telegram(bool(frame.control & FCB)) if function == REQ_UD2 else b""

    def _telegram(self, fcb: bool) -> bytes:
        if self.fcb is not None and fcb != self.fcb:
            self.position = (self.position + 1) % len(self.telegrams)
        self.fcb = fcb
        header = self.secondary.to_bytes() + bytes(4)
        return LongFrame(0x08, self.primary, 0x72, header + self.telegrams[self.position]).to_bytes()


class ScriptedBus:
    """All meters hear every request; answers that come together are joined by AND, as on the wire.

    :ivar hangs_up_at: closes the connection as soon as these bytes come.
    """

    def __init__(self, meters: list[ScriptedMeter]) -> None:
        self.meters = meters
        self.heard: list[LongFrame | ShortFrame] = []
        self.port = 0
        self.hangs_up_at: bytes | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = StreamDecoder()
        while data := await reader.read(1000):
            if self.hangs_up_at is not None and self.hangs_up_at in data:
                break
            for event in decoder.feed(data):
                if isinstance(event, LongFrame | ShortFrame):
                    self.heard.append(event)
                    writer.write(self._superpose([meter.answer(event) for meter in self.meters]))
        writer.close()
        await writer.wait_closed()

    @staticmethod
    def _superpose(answers: list[bytes]) -> bytes:
        longest = max(map(len, answers), default=0)
        padded = [answer.ljust(longest, b"\xff") for answer in answers]
        joined = bytearray(b"\xff" * longest)
        for answer in padded:
            joined = bytearray(mine & its for mine, its in zip(joined, answer, strict=True))
        return bytes(joined)


@contextmanager
def scripted_bus(*meters: ScriptedMeter) -> Iterator[ScriptedBus]:
    """Serve the meters on a free port of loopback; `port` says which."""
    bus = ScriptedBus(list(meters))
    ready = threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        server = await asyncio.start_server(bus.serve, "127.0.0.1", 0)
        bus.port = server.sockets[0].getsockname()[1]
        over = asyncio.Event()
        stop.append((asyncio.get_running_loop(), over))
        ready.set()
        await over.wait()
        # The command has hung up; its session sees that now, or only begins, which a server that is closed would not let it.
        while sessions := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(sessions)
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    ready.wait()
    try:
        yield bus
    finally:
        loop, over = stop[0]
        loop.call_soon_threadsafe(over.set)
        thread.join()
