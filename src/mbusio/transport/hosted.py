"""The bus of a master that a head-end has: by way of that head-end, on connections that both dial out (`mbusio.tunnel`).

The head-end is asked over the port of its pages, with a token of its API whose role is operator at least.
"""

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport.base import DEFAULT_BAUD, Transport
from mbusio.transport.tcp import GENEROUS_ALLOWANCE, NETWORK_GAP, connect_tcp
from mbusio.transport.url import TOKEN_VARIABLE, Endpoint
from mbusio.tunnel.end import TunnelEnd, TunnelEndedError
from mbusio.tunnel.streaming import RefusedError, Streaming, StreamingError

TARGET: Final = "/api/v1/tunnels"
ANSWER_SECONDS: Final = 40.0
"""For the head-end to look for the master, and for that to dial."""
MEASURE_SECONDS: Final = 10.0
MEASURED: Final = 3
STUCK_SECONDS: Final = 10.0
MAX_TOKEN: Final = 4096
_HELP: Final = {
    401: "the head-end does not take the token: it was revoked, has lapsed, or is another head-end's; make one on its page "
    "API tokens",
    403: "the token may not do this: it needs the role operator",
    404: "the head-end does not know this master, or is too old for tunnels; check the serial number",
    421: "the head-end is not called by this name; see web_names in its settings",
}


class HostedTransport(Transport):
    """A tunnel; the rate on the bus is the master's business.

    :ivar round_trip: seconds that the way to the master and back took when it was opened.
    """

    adaptive = True
    switches_baud = False

    def __init__(self, name: str, end: TunnelEnd, round_trip: float, baud: int = DEFAULT_BAUD) -> None:
        super().__init__(name, baud)
        self.round_trip = round_trip
        # Twice: what was measured is one moment of a path that others use, too.
        self.allowance = GENEROUS_ALLOWANCE + 2 * round_trip
        self.gap = NETWORK_GAP + 2 * round_trip
        self._end = end

    async def write(self, data: bytes) -> None:
        """Send the bytes."""
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await self._end.write(data)
        except TimeoutError as error:
            raise TransportClosedError(f"{self.name} takes no more bytes") from error
        except TunnelEndedError as error:
            raise TransportClosedError(f"{self.name}: {error}") from error

    async def read(self) -> bytes:
        """Give the bytes that have come."""
        try:
            return await self._end.read()
        except TunnelEndedError as error:
            raise TransportClosedError(f"{self.name}: {error}") from error

    async def close(self) -> None:
        """Say goodbye and close."""
        await self._end.close()


async def open_hosted(name: str, endpoint: Endpoint, *, baud: int = DEFAULT_BAUD) -> HostedTransport:
    """Ask the head-end for a tunnel, and measure the way; raise `TransportOpenError` where there is none."""
    token = await asyncio.to_thread(_token, name, endpoint)
    reader, writer = await _connect(name, endpoint)
    streaming = Streaming(reader, writer)
    end = TunnelEnd(streaming)
    try:
        host = f"[{endpoint.target}]" if ":" in endpoint.target else endpoint.target
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        await streaming.ask(f"{host}:{endpoint.port}", _target(endpoint), headers, ANSWER_SECONDS)
        end.start()
        await end.greet()
        async with asyncio.timeout(MEASURE_SECONDS):
            round_trip = max([await end.round_trip() for _ in range(MEASURED)])
    except BaseException as error:
        await end.close()
        match error:
            case RefusedError():
                raise TransportOpenError(f"{name}: {_refusal(error)}") from error
            case StreamingError():
                raise TransportOpenError(
                    f"{name}: the head-end does not answer as it should ({error}); check the port: it is that of its pages"
                ) from error
            case TunnelEndedError():
                raise TransportOpenError(f"{name}: {error}") from error
            case TimeoutError():
                text = f"{name}: the master has not answered within {MEASURE_SECONDS:.0f} s; try again"
                raise TransportOpenError(text) from error
        raise
    return HostedTransport(name, end, round_trip, baud)


async def _connect(name: str, endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not endpoint.tls:
        return await connect_tcp(name, endpoint.target, endpoint.port)
    from mbusio.transport.tls import client_context, connect_tls, trust_whoever_is_pinned

    context = await asyncio.to_thread(client_context, endpoint.ca)
    if endpoint.fingerprint is not None and endpoint.ca is None:
        trust_whoever_is_pinned(context)
    return await connect_tls(
        name,
        endpoint.target,
        endpoint.port,
        context,
        server_name=endpoint.name,
        fingerprint=endpoint.fingerprint,
    )


def _target(endpoint: Endpoint) -> str:
    wanted = {"master": endpoint.serial, "bus": endpoint.bus, "reason": endpoint.reason}
    if endpoint.minutes is not None:
        wanted["minutes"] = str(endpoint.minutes)
    return f"{TARGET}?{urlencode({key: value for key, value in wanted.items() if value})}"


def _token(name: str, endpoint: Endpoint) -> str:
    if endpoint.token_file is None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        where = f"the environment variable {TOKEN_VARIABLE}"
    else:
        where = f"token-file={endpoint.token_file}"
        try:
            with Path(endpoint.token_file).expanduser().open("rb") as file:
                token = file.read(MAX_TOKEN).decode("ascii", "replace").strip()
        except OSError as error:
            raise TransportOpenError(f"{where}: {error.strerror or error}") from error
    if not token:
        raise TransportOpenError(
            f"{name} needs a token of the head-end's API, of the role operator: put it into a file and write token-file=FILE, or "
            f"into the environment variable {TOKEN_VARIABLE}"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TransportOpenError(f"what is in {where} is no token: copy it again")
    return token


def _refusal(error: RefusedError) -> str:
    known = _HELP.get(error.status)
    if known is not None:
        return known
    return error.detail or f"the head-end refuses (answer {error.status})"
