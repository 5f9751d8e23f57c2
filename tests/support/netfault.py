"""A way between two programs that a test can cut, slow down, or make lose what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

PIECE = 512
SLOW_SECONDS = 0.02


class Way(Enum):
    """What becomes of the bytes."""

    OPEN = auto()
    CUT = auto()
    """Connections end at once, also new ones."""
    SLOW = auto()
    """A few bytes at a time."""
    DEAF = auto()
    """What was asked arrives; what is answered does not."""


@dataclass
class Line:
    """Connections to one place.

    :ivar port: where programs connect.
    :ivar answered: is given all bytes that come back.
    :ivar lost: bytes of answers that were lost.
    """

    there: int
    answered: Callable[[bytes], None] = lambda data: None
    port: int = 0
    way: Way = Way.OPEN
    lost: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set, repr=False)

    def turn(self, way: Way) -> None:
        """Let it be so from now on."""
        self.way = way
        if way is Way.CUT:
            self._end()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        if self.way is Way.CUT:
            writer.close()
            return
        self._open.add(writer)
        try:
            near, far = await asyncio.open_connection("127.0.0.1", self.there)
        except OSError:
            self._open.discard(writer)
            writer.close()
            return
        self._open.add(far)
        try:
            await asyncio.gather(self._copy(reader, far, back=False), self._copy(near, writer, back=True))
        finally:
            for one in (writer, far):
                self._open.discard(one)
                one.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(PIECE if self.way is Way.SLOW else 65536):
                if back:
                    self.answered(data)
                if back and self.way is Way.DEAF:
                    self.lost += len(data)
                    continue
                if self.way is Way.SLOW:
                    await asyncio.sleep(SLOW_SECONDS)
                writer.write(data)
                await writer.drain()
        writer.close()

    def _end(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def line_to(there: int, answered: Callable[[bytes], None] = lambda data: None) -> AsyncIterator[Line]:
    """Open a way to a port of loopback until the block ends."""
    line = Line(there, answered)
    tasks: set[asyncio.Task[None]] = set()

    def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(line.carry(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()
