import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbusio.tunnel.frames import MEDIA_TYPE
from mbusio.tunnel.streaming import RefusedError, Streaming, StreamingError

GOOD = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            GOOD,
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 409 X\r\n",
            b"Content-Length: 7\r\n",
            b"Content-Length: 99999999999\r\n",
            b"\r\n",
            b'{"a":1}',
            b"5\r\nhello\r\n",
            b"ffffffff\r\n",
            b"-1\r\n",
            b"0\r\n\r\n",
        ]
    ),
)


async def asked(answer: bytes) -> tuple[Streaming, asyncio.Server]:
    """Give a request to a server that says this and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with suppress(OSError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    streams = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    return Streaming(*streams), server


async def heard(answer: bytes) -> bytes:
    """Ask, and give all of the answer's body. Raise what `Streaming` does."""
    streaming, server = await asked(answer)
    try:
        await streaming.ask("head-end", "/x", {}, 5)
        data = b""
        while piece := await streaming.receive():
            data += piece
        return data
    finally:
        await streaming.close()
        server.close()
        await server.wait_closed()


async def test_the_body_of_an_answer_comes_chunk_by_chunk() -> None:
    assert await heard(GOOD + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n") == b"hello world"
    assert await heard(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD + b"0\r\n\r\n") == b""


async def test_a_refusal_has_its_words() -> None:
    body = b'{"detail": "not\\nnow"}'
    with pytest.raises(RefusedError) as error:
        await heard(b"HTTP/1.1 409 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    assert (error.value.status, error.value.detail) == (409, "not now")
    for body in (b"[]", b"{", b"[" * 5000):
        with pytest.raises(RefusedError) as error:
            await heard(b"HTTP/1.1 502 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert error.value.detail == ""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000,
        b"x" * 200_000,
        GOOD + b"zz\r\n",
        GOOD + b"5\r\nhel",
        GOOD + b"1\r\nhello\r\n",
        GOOD + b"111111111\r\n",
    ],
)
async def test_what_is_no_answer_is_one_error(answer: bytes) -> None:
    with pytest.raises(StreamingError):
        await heard(answer)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=8))
def test_any_answer_is_taken_or_refused(pieces: list[bytes]) -> None:
    with suppress(StreamingError, RefusedError):
        asyncio.run(heard(b"".join(pieces)))


async def test_a_header_has_no_end_in_its_middle() -> None:
    streaming, server = await asked(GOOD)
    with pytest.raises(ValueError, match="no end"):
        await streaming.ask("head-end", "/x", {"Authorization": "Bearer a\r\nX: y"}, 5)
    await streaming.close()
    server.close()
    await server.wait_closed()
