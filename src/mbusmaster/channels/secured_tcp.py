"""The transparent channel over TLS 1.3, for clients with a certificate that is trusted here; on by default (guide 3.1.4, 5.2)."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from mbusio.tls_refusals import why
from mbusio.tls_stream import NoTlsError, TlsStream
from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.tcp import Guest, TcpChannel, UnwelcomeError
from mbusmaster.channels.trust import Refusal, Trust, TrustError
from mbusmaster.settings.schema import SecuredTcpSettings

NAME: Final = "secured tcp"
HANDSHAKE_SECONDS: Final = 10.0
"""A client that takes longer over the handshake is given up."""

_log = logging.getLogger(__name__)


class TlsDoor:
    """Lets those in whose certificate is trusted."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    async def welcome(self, sock: socket.socket) -> Guest:
        """Shake hands and judge the certificate before a byte of the bus passes."""
        try:
            stream = TlsStream(self._trust.server_context())
        except TrustError as error:
            sock.close()
            raise UnwelcomeError("trust", f"connection refused: {error}") from error
        await asyncio.get_running_loop().connect_accepted_socket(lambda: stream, sock)
        try:
            await _handshake(stream)
        except asyncio.CancelledError:
            stream.abort()
            raise
        verdict = self._trust.judge(stream.certificate)
        if isinstance(verdict, Refusal):
            stream.close()
            raise UnwelcomeError(verdict.kind, f"handshake refused: {verdict.text}", stream.leave)
        self._trust.saw(verdict)
        reader, writer = stream.begin()
        return Guest(reader, writer, verdict.name, stream.certificate)

    def objection(self, guest: Guest) -> str:
        """Say why a client is no longer trusted."""
        verdict = self._trust.judge(guest.certificate)
        return verdict.text if isinstance(verdict, Refusal) else ""


class SecuredTcpChannel(TcpChannel):
    """Serves clients that are trusted; who is trusted no more is out at once, also with an open connection."""

    def __init__(self, settings: SecuredTcpSettings, engine: BusEngine, trust: Trust) -> None:
        super().__init__(NAME, "channels.secured_tcp", settings, engine, TlsDoor(trust))
        self._trust = trust
        self._forget: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to listen, also while nobody is trusted; raise `ChannelError`."""
        await super().start()
        self._forget = self._trust.subscribe(self.review)
        problem = self._trust.state().problem
        if problem:
            _log.warning("%s: %s", NAME, problem)

    async def stop(self) -> None:
        """Stop listening and let every client go."""
        if self._forget is not None:
            self._forget()
            self._forget = None
        await super().stop()


async def _handshake(stream: TlsStream) -> None:
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await stream.done
    except TimeoutError as error:
        text = f"handshake not finished within {HANDSHAKE_SECONDS:.0f} s: given up"
        raise UnwelcomeError("slow handshake", text, stream.leave) from error
    except (ssl.SSLError, NoTlsError) as error:
        kind, reason = why(error)
        raise UnwelcomeError(kind, f"handshake refused: {reason}", stream.leave) from error
    except ConnectionError as error:
        raise UnwelcomeError("hung up", "it hung up during the handshake", stream.leave) from error
