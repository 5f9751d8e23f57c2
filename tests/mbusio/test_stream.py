"""What transports on streams do when the other end does not do its part."""

import asyncio

import pytest

from mbusio.errors import TransportClosedError
from mbusio.transport import open_transport, stream


async def test_a_peer_that_never_reads_ends_a_write_instead_of_holding_it_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "STUCK_SECONDS", 0.05)
    finished = asyncio.Event()

    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await finished.wait()
        writer.transport.abort()

    server = await asyncio.start_server(never_read, "127.0.0.1", 0, limit=1)
    port = server.sockets[0].getsockname()[1]
    transport = await open_transport(f"tcp://127.0.0.1:{port}")
    with pytest.raises(TransportClosedError, match="takes no more bytes"):
        await transport.write(bytes(100_000_000))
    await transport.close()
    finished.set()
    server.close()
