"""A serial port as the streams that a session works on: bytes wait here while the port has no room for them."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from mbusio.pseudo_terminal import PortEvent

READ_LIMIT: Final = 4096
"""Bytes that wait for the session before no more are taken from the port."""


class Port(Protocol):
    """A serial port whose other end is a client's: a pty, or the one of a USB gadget."""

    async def read(self) -> PortEvent:
        """Give what happened next."""

    def write(self, data: bytes) -> int:
        """Write what there is room for, without waiting; give the number of bytes."""

    def fileno(self) -> int:
        """Give the file, to wait for room."""

    def hang_up(self) -> None:
        """Throw the client out."""


class PortTransport(asyncio.Transport):
    """One client of a port, from its coming to its leaving.

    :param thrown_out: called when the session ends by itself: the client must go.
    """

    def __init__(self, port: Port, thrown_out: Callable[[], None]) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._thrown_out = thrown_out
        self._unsent = bytearray()
        self._file = -1
        self._has_left = False
        self._is_closing = False
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.reader = asyncio.StreamReader(READ_LIMIT)
        self._protocol = asyncio.StreamReaderProtocol(self.reader)
        self._protocol.connection_made(self)
        self.writer = asyncio.StreamWriter(self, self._protocol, self.reader, self._loop)

    def leave(self) -> None:
        """The client is gone: what it sent is still carried out, what comes back goes nowhere."""
        self._has_left = True
        self.purge()
        self.reader.feed_eof()

    def purge(self) -> None:
        """Forget what waits for room."""
        self._unsent.clear()
        self._stop_waiting()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes to the client, in order, as it takes them."""
        if self._has_left or self._is_closing:
            return
        self._unsent += data
        if self._file < 0:
            self._send()

    def get_write_buffer_size(self) -> int:
        """Give the number of bytes that wait for room."""
        return len(self._unsent)

    def pause_reading(self) -> None:
        """Take no more from the port for now."""
        self.may_read.clear()

    def resume_reading(self) -> None:
        """Go on."""
        self.may_read.set()

    def is_closing(self) -> bool:
        """Tell whether the session has ended."""
        return self._is_closing

    def close(self) -> None:
        """End; a client that is still there is thrown out, since nobody would serve it."""
        if self._is_closing:
            return
        self._is_closing = True
        self.purge()
        self.may_read.set()
        self._loop.call_soon(self._protocol.connection_lost, None)
        if not self._has_left:
            self._thrown_out()

    def abort(self) -> None:
        """End at once."""
        self.close()

    def _send(self) -> None:
        del self._unsent[: self._port.write(bytes(self._unsent))]
        if not self._unsent:
            self._stop_waiting()
        elif self._file < 0:
            self._file = self._port.fileno()
            self._loop.add_writer(self._file, self._send)

    def _stop_waiting(self) -> None:
        if self._file >= 0:
            self._loop.remove_writer(self._file)
            self._file = -1
