"""The server's side of one TLS connection, between a socket's transport and a byte stream.

The event loops have one of their own; this one exists because theirs throw away the alert that tells a client why it was refused,
keep the reason from the server's log, and keep 256 KiB of buffer for each connection.

Until `begin` or `carry` is called nothing that comes behind the handshake is decrypted.
"""

import asyncio
import contextlib
import ssl
from typing import Any, Final, cast

PLAINTEXT: Final = 16384
"""Most bytes of one TLS record (RFC 8446, 5.1)."""
HANDSHAKE_RECORD: Final = 22
"""First byte of every TLS connection (RFC 8446, 5.1)."""
LEAVE_SECONDS: Final = 0.5
"""For a refused client to read why."""
MAX_HANDSHAKE: Final = 256 * 1024
"""Bytes; OpenSSL takes certificates up to 100 KiB."""


class NoTlsError(Exception):
    """What comes is not TLS.

    :ivar data: the beginning of it.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__("what comes is not TLS")
        self.data = data[:16]


class TlsStream(asyncio.Protocol, asyncio.Transport):
    """A protocol to the socket's transport, a transport to the stream above.

    :ivar done: the handshake; fails with `ssl.SSLError`, `NoTlsError` or `ConnectionError`.
    :ivar closed: set once the connection is gone.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        asyncio.Transport.__init__(self)
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = loop.create_future()
        self.closed = asyncio.Event()
        self._loop = loop
        self._lower: asyncio.Transport | None = None
        self._above: asyncio.Protocol | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._received = 0
        self._has_ended = False
        """The client has ended its direction without a goodbye."""
        self._over = False
        """No more is heard from the client."""
        self._closing = False

    @property
    def certificate(self) -> bytes:
        """The client's, DER; empty where it showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def begin(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the stream above; call once, after the handshake."""
        reader = asyncio.StreamReader(loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        writer = asyncio.StreamWriter(self, protocol, reader, self._loop)
        self.carry(protocol)
        return reader, writer

    def carry(self, protocol: asyncio.Protocol) -> None:
        """Put a protocol above; call once, after the handshake, instead of `begin`."""
        self._above = protocol
        protocol.connection_made(self)
        if self.closed.is_set():
            protocol.connection_lost(None)
        else:
            self.resume_reading()
            self._decrypt()
            if self._has_ended:
                self._end_of_input()

    # As a protocol: what the socket's transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's first message."""
        # A socket's transport reads and writes; uvloop's is no subclass of what says so.
        self._lower = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network."""
        if self._over:
            return
        if self._received == 0 and data[0] != HANDSHAKE_RECORD:
            self._fail(NoTlsError(data))
            return
        self._received += len(data)
        self._incoming.write(data)
        if self._above is not None:
            self._decrypt()
        elif not self.done.done():
            self._shake_hands()

    def eof_received(self) -> bool:
        """Let the client end its direction: its answers still go out."""
        if not self.done.done():
            self._fail(ConnectionResetError("hung up during the handshake"))
        # OpenSSL must not hear of it: it would take it for an attack and send nothing any more. But a telegram says itself where
        # it ends.
        self._has_ended = True
        if self._above is not None:
            self._end_of_input()
        return not self._closing

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody that it is over."""
        self._over = self._closing = True
        self.closed.set()
        if not self.done.done():
            self._fail(ConnectionResetError("hung up during the handshake"))
        if self._above is not None:
            self._above.connection_lost(error)

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._above is not None:
            self._above.resume_writing()

    # As a transport: what the stream above calls.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell what the socket's transport knows, and what TLS does."""
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._tls.context
        return self._lower.get_extra_info(name, default) if self._lower else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._closing or not data:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def can_write_eof(self) -> bool:
        """Only `close` ends this direction."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not taken."""
        return self._lower.get_write_buffer_size() if self._lower else 0

    def pause_reading(self) -> None:
        """Read no more from the network."""
        if self._lower is not None and not self._lower.is_closing():
            self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._lower is not None and not self._lower.is_closing():
            self._lower.resume_reading()

    def is_closing(self) -> bool:
        """Tell whether nothing more goes out."""
        return self._closing or (self._lower is not None and self._lower.is_closing())

    def close(self) -> None:
        """Say goodbye and close once the client has taken what was sent."""
        if self._closing:
            return
        self._closing = self._over = True
        with contextlib.suppress(ssl.SSLError):
            # This sends the goodbye; the client's own is not waited for.
            self._tls.unwrap()
        self._flush()
        if self._lower is not None:
            self._lower.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = self._over = True
        if self._lower is not None:
            self._lower.abort()

    async def leave(self) -> None:
        """Close a connection that was refused, with time for the client to take the alert: bytes unread would throw it away."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.closed.wait()
        except TimeoutError:
            pass
        finally:
            self.abort()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            if self._received > MAX_HANDSHAKE:
                self._fail(NoTlsError(b""))
            return
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._flush()
        self.pause_reading()
        self.done.set_result(None)

    def _fail(self, error: Exception) -> None:
        """End the handshake; OpenSSL's alert goes out."""
        self._over = self._closing = True
        self._flush()
        with contextlib.suppress(OSError, RuntimeError):
            if self._lower is not None and not self._lower.is_closing():
                self._lower.write_eof()
        if not self.done.done():
            self.done.set_exception(error)

    def _decrypt(self) -> None:
        assert self._above is not None, "somebody takes what comes"
        try:
            while not self._over and (data := self._tls.read(PLAINTEXT)):
                self._above.data_received(data)
            if not self._over:
                self._end_of_input()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLZeroReturnError:
            self._end_of_input()
        except ssl.SSLError:
            self._flush()
            self.abort()

    def _end_of_input(self) -> None:
        if not self._over:
            self._over = True
            if self._above is not None:
                self._above.eof_received()

    def _flush(self) -> None:
        if self._outgoing.pending and self._lower is not None and not self._lower.is_closing():
            self._lower.write(self._outgoing.read())
