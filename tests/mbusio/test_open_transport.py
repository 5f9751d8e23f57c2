import asyncio
import hashlib
import os
import ssl
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusio.errors import TransportClosedError, TransportOpenError
from mbusio.transport import open_transport
from support.certificates import Authority, Pem


@pytest.fixture
def device() -> Iterator[str]:
    master, slave = os.openpty()
    tty.setraw(master)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


async def test_a_port_in_use_is_not_shared(device: str) -> None:
    first = await open_transport(device)
    with pytest.raises(TransportOpenError, match="in use by another program"):
        await open_transport(device)
    await first.close()


async def test_a_port_can_be_opened_again_with_the_same_settings(device: str) -> None:
    for _ in range(3):
        transport = await open_transport(f"{device}?baud=2400&parity=E")
        await transport.close()


async def test_an_allowance_in_the_url_is_kept_to(device: str) -> None:
    transport = await open_transport(f"{device}?allowance=0.4&gap=0.2")
    assert (transport.allowance, transport.gap, transport.adaptive) == (0.4, 0.2, False)
    await transport.close()


async def serve_tls(pem: Pem, clients_of: Path | None = None) -> asyncio.Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.certificate, pem.key)
    if clients_of is not None:
        context.load_verify_locations(clients_of)
        context.verify_mode = ssl.CERT_REQUIRED

    async def say_ack(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xe5")
        writer.close()

    return await asyncio.start_server(say_ack, "127.0.0.1", 0, ssl=context)


def pin(pem: Pem) -> str:
    der = ssl.PEM_cert_to_DER_cert(pem.certificate.read_text())
    return hashlib.sha256(der).hexdigest()


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_a_gateway_whose_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server = await serve_tls(Authority(tmp_path).issue("gateway"))
    async with server:
        with pytest.raises(TransportOpenError, match=r"not trusted .*; give its authority with \?ca=FILE"):
            await open_transport(f"tls://127.0.0.1:{port_of(server)}")


async def test_our_certificate_is_shown_to_a_gateway_that_asks_for_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine = authority.issue("client")
    server = await serve_tls(authority.issue("gateway"), clients_of=authority.pem)
    async with server:
        url = f"tls://localhost:{port_of(server)}?ca={authority.pem}"
        transport = await open_transport(f"{url}&cert={mine.certificate}&key={mine.key}")
        assert await transport.read() == b"\xe5"
        await transport.close()


async def test_a_gateway_that_refuses_us_shows_as_a_closed_transport(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = await serve_tls(authority.issue("gateway"), clients_of=authority.pem)
    async with server:
        transport = await open_transport(f"tls://localhost:{port_of(server)}?ca={authority.pem}")
        with pytest.raises(TransportClosedError):
            await transport.read()
        await transport.close()


async def test_a_gateway_with_the_pinned_certificate_is_trusted_without_an_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs, mine = authority.issue("gateway"), authority.issue("client")
    server = await serve_tls(theirs, clients_of=authority.pem)
    async with server:
        url = f"tls://127.0.0.1:{port_of(server)}?cert={mine.certificate}&key={mine.key}"
        transport = await open_transport(f"{url}&fingerprint={pin(theirs)}")
        assert await transport.read() == b"\xe5"
        await transport.close()
        with pytest.raises(TransportOpenError, match=f"another one, with the fingerprint {pin(theirs)}"):
            await open_transport(f"{url}&fingerprint={pin(mine)}")
        # With an authority both must hold.
        with pytest.raises(TransportOpenError, match="another one"):
            await open_transport(f"{url}&ca={authority.pem}&fingerprint={pin(mine)}")


async def test_a_port_without_tls_says_so(tmp_path: Path) -> None:
    async def say_ack(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xe5\xe5\xe5\xe5\xe5\xe5")
        writer.close()

    server = await asyncio.start_server(say_ack, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TransportOpenError, match=r"no TLS 1\.3 there"):
            await open_transport(f"tls://127.0.0.1:{port_of(server)}?ca={Authority(tmp_path).pem}")
