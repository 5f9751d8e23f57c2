"""Why a server hands out no keys: told from what it does."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mbusmaster.system import time_probe
from mbusmaster.system import time_texts as texts
from mbusmaster.system.time_probe import ALPN, probe
from mbusweb.texts import Text
from support.certificates import DAY, Authority

GOOD = struct.pack(">HHH", 0x8001, 2, 0) + struct.pack(">HHH", 4, 2, 15)
END = struct.pack(">HH", 0x8000, 0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "trusted").mkdir()
    made = Authority(tmp_path)
    (tmp_path / "trusted" / "own.pem").write_bytes(made.pem.read_bytes())
    (tmp_path / "trusted" / "README").write_bytes(b"no certificate")
    return made


async def test_a_file_among_the_authorities_that_is_none_is_named(authority: Authority) -> None:
    (authority.pem.parent / "trusted" / "rubbish.pem").write_bytes(b"no certificate")
    async with server(authority, GOOD + END) as port:
        assert not await asked(authority, port)
        (authority.pem.parent / "trusted" / "own.pem").unlink()
        reason = await asked(authority, port)
        assert reason.template == texts.BAD_AUTHORITY
        assert "rubbish.pem" in str(reason)


@asynccontextmanager
async def server(
    authority: Authority,
    answer: bytes,
    *,
    alpn: str = ALPN,
    change: Callable[[ssl.SSLContext], None] = lambda context: None,
    begin: object = -DAY,
) -> AsyncIterator[int]:
    """Answer every question with the same bytes, and close."""
    pem = authority.issue("server", begin=begin, end=2 * DAY)  # type: ignore[arg-type]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.certificate, pem.key)
    context.set_alpn_protocols([alpn])
    change(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read(1024)
        assert not question or question.startswith(b"\x80\x01\x00\x02\x00\x00\x80\x04")
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def asked(authority: Authority, port: int, name: str = "127.0.0.1") -> Text:
    return await probe(name, port=port, authorities=authority.pem.parent / "trusted")


async def test_a_server_that_hands_out_keys_is_well(authority: Authority) -> None:
    async with server(authority, GOOD + END) as port:
        assert not await asked(authority, port)
        assert not await asked(authority, port, "localhost")


@pytest.mark.parametrize(
    ("answer", "template"),
    [
        (struct.pack(">HHH", 0x8002, 2, 1) + END, texts.REFUSED),
        (struct.pack(">HHH", 0x8001, 2, 0) + struct.pack(">HH", 4, 0) + END, texts.NO_KEYS),
        (END, texts.NO_KEYS),
        (GOOD, texts.NOT_NTS),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", texts.NOT_NTS),
        (struct.pack(">HH", 5, 0) * 1000, texts.NO_KEYS),
        (b"", texts.NOT_NTS),
    ],
    ids=["error", "other algorithm", "nothing", "cut off", "web server", "endless", "silent"],
)
async def test_what_it_answers_is_told(authority: Authority, answer: bytes, template: str) -> None:
    async with server(authority, answer) as port:
        assert (await asked(authority, port)).template == template


async def test_a_web_server_is_no_time_server(authority: Authority) -> None:
    async with server(authority, b"", alpn="h2") as port:
        assert (await asked(authority, port)).template in (texts.NOT_NTS, texts.TLS)


async def test_an_old_kind_of_tls_is_not_taken(authority: Authority) -> None:
    def only_old(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    async with server(authority, GOOD + END, change=only_old) as port:
        assert (await asked(authority, port)).template in (texts.TLS, texts.NOT_NTS)


async def test_a_certificate_of_tomorrow_means_a_clock_of_yesterday(authority: Authority) -> None:
    async with server(authority, GOOD + END, begin=DAY) as port:
        assert (await asked(authority, port)).template == texts.NOT_YET_VALID


async def test_names_and_addresses_that_lead_nowhere_are_told(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*arguments: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert (await asked(authority, closed.getsockname()[1])).template == texts.CLOSED
    assert (await asked(authority, 4460, "a..b")).template == texts.NO_ROUTE
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    assert (await asked(authority, 4460, "nts.example")).template == texts.NO_NAME


async def test_a_server_that_says_nothing_is_not_waited_for_forever(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_probe, "PROBE_SECONDS", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert (await asked(authority, silent.getsockname()[1])).template == texts.NOBODY
