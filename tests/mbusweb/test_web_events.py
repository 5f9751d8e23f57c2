import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import HTTPException
from starlette.types import Message

from mbusmaster.web.app import create_app
from mbusweb.events import MAX_OF_STRANGERS, Event, Streams
from mbusweb.visitor import Visitor
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


async def test_strangers_on_the_lan_cannot_take_the_streams_of_those_who_work_here(tmp_path: Path) -> None:
    with web_services(tmp_path) as services:
        session = await services.access.log_in("user", "Kamstrup1", source="test", setup=True)
        streams = Streams(services.access)
        stranger = Visitor(interface="lan")
        leaves = [streams.enter(stranger) for _ in range(MAX_OF_STRANGERS)]
        with pytest.raises(HTTPException):
            streams.enter(stranger)
        at_device = Visitor(interface="setup")
        program = Visitor(interface="lan", token_user="erna")
        user = Visitor(interface="lan", session=replace(session, is_factory=False))
        for who in (at_device, program, user):
            streams.enter(who)()
        leaves.pop()()
        streams.enter(stranger)


async def test_a_browser_that_is_gone_before_the_first_event_leaves_no_stream_behind(tmp_path: Path) -> None:
    with web_services(tmp_path) as services:
        app = create_app(services)
        asked: list[Message] = [{"type": "http.request"}, {"type": "http.disconnect"}]

        async def receive() -> Message:
            return asked.pop(0) if len(asked) > 1 else asked[0]

        async def never_taken(message: Message) -> None:
            await asyncio.Event().wait()

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/status/events",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
            "scheme": "http",
            "client": ("192.0.2.7", 1),
        }
        for _ in range(MAX_OF_STRANGERS + 1):
            asked[:] = [{"type": "http.request"}, {"type": "http.disconnect"}]
            await app(dict(scope), receive, never_taken)
        app.state.streams.enter(Visitor())
