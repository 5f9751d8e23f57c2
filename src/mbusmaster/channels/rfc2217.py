"""A serial port over the network: RFC 2217, off by default; its client sets the rate at which it is served on the bus."""

import asyncio
import logging
import socket
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, cast

from mbusmaster.bus.client import Client
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.com_port import ComPort, Flow, PurgeAnswers, Rate, Refused
from mbusmaster.channels.serial_port import RATES
from mbusmaster.channels.tcp import Guest, TcpChannel
from mbusmaster.channels.telnet import Data, escape
from mbusmaster.settings.schema import Rfc2217Settings

NAME: Final = "rfc 2217"
MAX_OVERHEAD: Final = 8192
"""Bytes of telnet commands in a second; no serial program sends nearly as many."""
READ_SIZE: Final = 4096

_log = logging.getLogger(__name__)


class Rfc2217Channel(TcpChannel):
    """Serves everybody who reaches the port."""

    def __init__(self, settings: Rfc2217Settings, engine: BusEngine) -> None:
        super().__init__(
            NAME, "channels.rfc2217", settings, engine, ComPortDoor(engine.settings.default_baud)
        )


class ComPortDoor:
    """Lets everybody in, and takes telnet off the stream.

    :param baud: rate until the client sets one.
    """

    def __init__(self, baud: int) -> None:
        self._baud = baud

    async def welcome(self, sock: socket.socket) -> Guest:
        """Open streams; nothing is read before the guest has its share of the bus."""
        line = ComPortStream(self._baud)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: line, sock)
        return Guest(line.reader, line.writer, joined=line.join)

    def objection(self, guest: Guest) -> str:
        """Have none."""
        return ""


class ComPortStream(asyncio.BufferedProtocol, asyncio.Transport):
    """Stands between the connection and the session: a protocol to the one, a transport to the other."""

    def __init__(self, baud: int) -> None:
        asyncio.Transport.__init__(self)
        loop = asyncio.get_running_loop()
        self._connection: asyncio.Transport
        self._client: Client | None = None
        self._tell: Callable[[str, str], None] = lambda kind, text: None
        self._flows = True
        self._held = bytearray()
        self._second = 0
        self._overhead = 0
        self._buffer = bytearray(READ_SIZE)
        self._port = ComPort(
            f"mbusmaster {version('mbusmaster')}", baud=baud, rates=RATES, has_carrier=self._has_bus
        )
        self._loop = loop
        self.reader = asyncio.StreamReader(READ_SIZE)
        self._session = asyncio.StreamReaderProtocol(self.reader)
        self._session.connection_made(self)
        self.writer = asyncio.StreamWriter(self, self._session, self.reader, loop)

    def join(self, client: Client, tell: Callable[[str, str], None]) -> None:
        """Begin: the guest has a share of the bus now."""
        self._client = client
        self._tell = tell
        self._connection.write(self._port.begin())
        self._connection.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for `join`."""
        # A socket's transport reads and writes; uvloop's is no subclass of what says so.
        self._connection = cast(asyncio.Transport, transport)
        self._connection.pause_reading()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Give room for what the client sends next; little, so that taking it apart holds nobody up."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the client has sent."""
        self._begin_second()
        events, answer = self._port.feed(bytes(self._buffer[:nbytes]))
        if self._port.overhead - self._overhead > MAX_OVERHEAD:
            self._tell("flood", "endless telnet commands: connection closed")
            self._connection.abort()
            return
        self._connection.write(answer)
        for event in events:
            match event:
                case Data():
                    self.reader.feed_data(event.data)
                case Rate(baud=baud) if self._client is not None:
                    self._client.use_baud(baud)
                case Refused(what=what):
                    self._tell("refused", f"asks for what the bus cannot do: {what}")
                case PurgeAnswers():
                    self._held.clear()
                case Flow(goes=goes):
                    self._flow(goes)

    def eof_received(self) -> bool:
        """Let the session know; what is still waiting is answered."""
        self.reader.feed_eof()
        return True

    def connection_lost(self, exception: Exception | None) -> None:
        """Let the session know."""
        self._session.connection_lost(exception)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes of an answer, or keep them while the client has suspended the flow."""
        if self._flows:
            self._connection.write(escape(bytes(data)))
        else:
            self._held += data

    def get_write_buffer_size(self) -> int:
        """Give what the client has not taken yet."""
        return self._connection.get_write_buffer_size() + len(self._held)

    def is_closing(self) -> bool:
        """Tell whether the connection ends."""
        return self._connection.is_closing()

    def pause_reading(self) -> None:
        """Hold the client back."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._connection.resume_reading()

    def close(self) -> None:
        """End when what is on its way has been sent."""
        self._connection.close()

    def abort(self) -> None:
        """End now."""
        self._connection.abort()

    def _flow(self, goes: bool) -> None:
        self._flows = goes
        if goes and self._held:
            self._connection.write(escape(bytes(self._held)))
            self._held.clear()

    def _begin_second(self) -> None:
        if self._second != (second := int(self._loop.time())):
            self._second, self._overhead = second, self._port.overhead

    def _has_bus(self) -> bool:
        return self._client is not None and self._client.has_bus
