import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.app import create_app
from mbusmaster.web.errors import WebError
from mbusmaster.web.server import WebServer
from mbusweb import connections, handshakes
from support.certificates import Authority, Pem
from support.web import web_services


def _context(pem: Pem) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pem.certificate, pem.key)
    return context


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[WebServer]:
    authority = Authority(folder)
    pem = authority.issue("server")
    web = WebSettings.model_validate(
        {"setup_interface": "none0", "port": 0, "lan_port": 0, "lan_bind": ["127.0.0.1"], **settings}
    )
    with web_services(folder) as services:
        server = WebServer(create_app(services), web, lambda: _context(pem))
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


def place(server: WebServer, number: int = 0) -> tuple[str, int]:
    url = httpx.URL(server.urls[number])
    return url.host, url.port or 80


async def raw(server: WebServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*place(server))


async def test_without_the_setup_network_the_pages_are_on_loopback(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, httpx.AsyncClient() as client:
        assert server.urls[0].startswith("http://127.0.0.1:")
        answer = await client.get(server.urls[0])
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert len(answer.headers.get_list("date")) == 1


async def test_on_the_lan_there_is_only_tls_1_3_and_cookies_are_secure(tmp_path: Path) -> None:
    async with serving(tmp_path, lan=True) as server:
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        async with httpx.AsyncClient(verify=trust) as client:
            answer = await client.get(f"{server.urls[-1]}login")
            assert answer.status_code == 200
            assert "max-age" in answer.headers["strict-transport-security"]
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-mbusmaster_visit=")
            assert "Secure" in cookie
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
        trust.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(OSError):  # noqa: PT011 - an alert of TLS or a reset, as it comes
            await asyncio.open_connection(*place(server, -1), ssl=trust)


async def test_the_interface_is_that_of_the_socket_whatever_headers_say(tmp_path: Path) -> None:
    async with serving(tmp_path, lan=True) as server:
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        headers = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "Forwarded": "for=10.0.0.1"}
        async with httpx.AsyncClient(verify=trust, headers=headers) as client:
            assert "setup interface (USB) only" in (await client.get(f"{server.urls[-1]}login")).text
            assert "setup interface (USB) only" not in (await client.get(f"{server.urls[0]}login")).text


async def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WebError, match=rf"127\.0\.0\.1 port {port} \(web\.port\).*another program"):
            async with serving(tmp_path, port=port):
                pass


async def test_the_lan_without_a_certificate_is_refused(tmp_path: Path) -> None:
    with web_services(tmp_path) as services:
        server = WebServer(create_app(services), WebSettings(lan=True), None)
        with pytest.raises(WebError, match="no certificate"):
            await server.start()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /status HTTP/1.1\r\nHost: ",
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
    ],
    ids=["nothing", "half a header", "half a body"],
)
async def test_a_request_that_never_gets_whole_is_cut_off(
    sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(connections, "BODY_LOOK_SECONDS", 0.05)
    async with serving(tmp_path) as server:
        reader, writer = await raw(server)
        writer.write(sent.replace(b"Host: x", f"Host: {place(server)[0]}".encode()))
        # Ends by reset or by end of file, in any case by itself.
        with suppress(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_garbage_is_refused_and_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(tmp_path) as server:
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET / HTTP/x\r\n\r\n", b"A" * 40000):
            reader, writer = await raw(server)
            writer.write(garbage)
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b""
            assert answer.startswith(b"HTTP/1.1 400") or answer == b""
            writer.close()
    assert [record.message for record in caplog.records if "web pages are at" not in record.message] == []


async def test_one_source_cannot_take_all_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections.Crowd.__init__, "__defaults__", (10, 3))
    async with serving(tmp_path) as server:
        opened = [await raw(server) for _ in range(3)]
        # One that only waits makes room for one that works.
        reader, writer = await raw(server)
        writer.write(f"GET /status HTTP/1.0\r\nHost: {place(server)[0]}\r\n\r\n".encode())
        assert (await reader.read(12)) == b"HTTP/1.1 200"
        for _reader, other in [*opened, (reader, writer)]:
            other.close()


async def test_a_crowd_on_the_lan_takes_no_place_from_the_setup_interface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections.Crowd.__init__, "__defaults__", (2, 2))
    async with serving(tmp_path, lan=True) as server:
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        body = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"
        busy = [await asyncio.open_connection(*place(server, -1), ssl=trust) for _ in range(2)]
        for _reader, writer in busy:
            writer.write(body)
            await writer.drain()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{server.urls[0]}status")).status_code == 200
        for _reader, writer in busy:
            writer.close()


async def test_who_begins_many_handshakes_on_the_lan_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshakes, "MAX_HANDSHAKES", 3)
    async with serving(tmp_path, lan=True) as server:
        begun = [await asyncio.open_connection(*place(server, -1)) for _ in range(4)]
        # The oldest has to give way.
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                assert await begun[0][0].read() == b""
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        async with httpx.AsyncClient(verify=trust) as client:
            assert (await client.get(f"{server.urls[-1]}status")).status_code == 200
        for _reader, writer in begun:
            writer.close()


async def test_events_flow_and_end_with_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reader, writer = await raw(server)
        writer.write(f"GET /status/events HTTP/1.1\r\nHost: {place(server)[0]}\r\n\r\n".encode())
        seen = b""
        while b"event: panel" not in seen or b"event: fields" not in seen:
            seen += await reader.read(4096)
        assert b"text/event-stream" in seen
        async with asyncio.timeout(5):
            await server.stop()
            await reader.read()
        writer.close()


async def test_a_browser_that_waits_between_two_requests_is_let_go_with_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reader, writer = await raw(server)
        writer.write(f"GET /login HTTP/1.1\r\nHost: {place(server)[0]}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        await server.stop()
        # An end, no reset.
        assert await reader.read() == b""
        writer.close()


async def test_a_body_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, httpx.AsyncClient() as client:
        answer = await client.post(f"{server.urls[0]}login", content=b"x" * 70_000)
        assert answer.status_code == 413

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 4000

        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await client.post(f"{server.urls[0]}login", content=endless(), headers=kind)
        assert answer.status_code == 413


async def test_on_the_setup_device_the_pages_have_its_address_before_the_cable_is_in(tmp_path: Path) -> None:
    async with serving(tmp_path, setup_interface="lo", setup_address="10.0.0.1") as server:
        assert [url.rpartition(":")[0] for url in server.urls] == ["http://10.0.0.1"]


async def test_after_a_body_that_nobody_wanted_the_connection_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reader, writer = await raw(server)
        host = place(server)[0]
        writer.write(f"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 70000\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
        writer.write(b"x" * 70000 + f"GET /status HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        assert b"HTTP/1.1 200" in await reader.read()
        writer.close()
