"""A thousand connections to the secured channel that never finish their handshake, or do nothing after it: memory is bounded."""

import asyncio
import contextlib
import os
import resource
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway import Streams, ask, close
from support.needs import PROJECT
from support.sharedbus import nke
from support.system import Started, running

pytestmark = [pytest.mark.process]

COUNT = 1000
PER_IDLE = 64
PER_HANDSHAKE = 64
"""KiB of resident memory for each connection; a run measured 40 and 49."""


@pytest.fixture
def files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Started]:
    paths = [str(PROJECT / "src"), str(PROJECT / "tests")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with running("support.secured_server", tmp_path, env=env) as started:
        yield started


def resident(pid: int) -> int:
    """Give the resident memory in KiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def context(folder: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=folder / "ca.pem")
    made.load_cert_chain(folder / "client.pem")
    return made


async def works(client: Streams) -> None:
    assert await ask(client, nke(5).to_bytes(), 1) == b"\xe5"


async def test_a_thousand_handshakes_that_never_finish(server: Started, tmp_path: Path, files: None) -> None:
    port, pid = server.offers["port"], server.offers["pid"]
    client = await asyncio.open_connection("127.0.0.1", port, ssl=context(tmp_path))
    await works(client)
    before = resident(pid)
    stuck = []
    for _ in range(COUNT):
        stuck.append(await asyncio.open_connection("127.0.0.1", port))
        # As much of a first message as makes a server wait for the rest.
        stuck[-1][1].write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
    await works(client)
    grown = resident(pid) - before
    print(f"{grown / COUNT:.1f} KiB for each of {COUNT} unfinished handshakes")
    assert grown < COUNT * PER_HANDSHAKE
    await close(client, *stuck)


async def test_a_thousand_idle_connections(server: Started, tmp_path: Path, files: None) -> None:
    port, pid = server.offers["port"], server.offers["pid"]
    shared = context(tmp_path)
    client = await asyncio.open_connection("127.0.0.1", port, ssl=shared)
    await works(client)
    before = resident(pid)
    idle = [await silent(port, shared) for _ in range(COUNT - 1)]
    await works(client)
    grown = resident(pid) - before
    print(f"{grown / COUNT:.1f} KiB for each of {COUNT} idle connections")
    assert grown < COUNT * PER_IDLE
    # One more is let in: an idle one goes.
    late = await asyncio.open_connection("127.0.0.1", port, ssl=shared)
    await works(late)
    await close(client, late, *idle)


async def silent(port: int, shared: ssl.SSLContext) -> Streams:
    """Shake hands without asyncio's own TLS, whose buffers would make a thousand clients big."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = shared.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            writer.write(outgoing.read())
            return reader, writer
        writer.write(outgoing.read())
        incoming.write(await reader.read(65536))
