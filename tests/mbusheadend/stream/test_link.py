"""What answers where a node of the stream should be is told, and leaves no connection behind."""

import asyncio

import pytest

from mbusheadend.stream.errors import StreamError
from mbusheadend.stream.link import Link
from mbusheadend.stream.settings import StreamSettings


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"INFO {\r\n", b"INFO []\r\n", b"INFO 7\r\n", bytes(200_000)],
)
async def test_what_is_no_node_is_told_as_any_node_that_cannot_be_reached(said: bytes) -> None:
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.write_eof()
        while await reader.read(1000):
            pass
        writer.close()
        ended.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        link = Link(StreamSettings(servers=(f"nats://127.0.0.1:{port}",)))
        with pytest.raises(StreamError, match="cannot connect to the stream"):
            await link.open()
        assert not link.is_up
        async with asyncio.timeout(10):
            await ended.wait()
