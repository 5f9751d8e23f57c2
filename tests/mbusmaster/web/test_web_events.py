import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from mbusmaster.web.events import Event, Streams
from mbusmaster.web.visitor import Visitor
from support.web import web_services


async def endless(ended: asyncio.Event) -> AsyncGenerator[Event]:
    try:
        while True:
            yield Event("tick", "one\ntwo")
            await asyncio.sleep(0)
    finally:
        ended.set()


def test_an_event_travels_line_by_line() -> None:
    assert Event("tick", "one\ntwo").to_bytes() == b"event: tick\ndata: one\ndata: two\n\n"


async def test_a_stream_ends_with_the_login(tmp_path: Path) -> None:
    with web_services(tmp_path) as services:
        session = await services.access.log_in("user", "Kamstrup1", source="test", setup=True)
        ended = asyncio.Event()
        stream = Streams(services.access).carry(Visitor(session=session), endless(ended))
        assert (await anext(stream)).startswith(b"retry:")
        assert b"tick" in await anext(stream)
        services.access.log_out(session.id)
        assert [part async for part in stream] == []
        assert ended.is_set()


async def test_a_stream_ends_with_the_server_also_while_nothing_happens(tmp_path: Path) -> None:
    async def silence() -> AsyncGenerator[Event]:
        await asyncio.Event().wait()
        yield Event("never", "")

    with web_services(tmp_path) as services:
        streams = Streams(services.access)
        stream = streams.carry(Visitor(), silence())
        await anext(stream)
        rest = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        streams.close()
        assert await rest is None
