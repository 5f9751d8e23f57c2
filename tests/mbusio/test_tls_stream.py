"""The server's side of TLS without a network: any chunking, any bytes, any end."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbusio.tls_refusals import why
from mbusio.tls_stream import MAX_HANDSHAKE, NoTlsError, TlsStream
from support.certificates import Authority, Pem


class Network(asyncio.Transport):
    """The lower end: keeps what is sent."""

    def __init__(self, above: TlsStream) -> None:
        super().__init__()
        self.sent = bytearray()
        self.reads = True
        self.closed = False
        self.said_all = False
        self._above = above
        above.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def take(self) -> bytes:
        data, self.sent = bytes(self.sent), bytearray()
        return data

    def write_eof(self) -> None:
        self.said_all = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._above.connection_lost(None)

    abort = close

    def get_write_buffer_size(self) -> int:
        return len(self.sent)

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


class Client:
    """The other end of TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def shake(self, received: bytes = b"") -> bytes:
        self._incoming.write(received)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._outgoing.read()

    def say(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self._outgoing.read()

    def hear(self, received: bytes) -> bytes:
        self._incoming.write(received)
        return self.tls.read(1 << 20)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pem]:
    authority = Authority(tmp_path_factory.mktemp("tls"))
    return authority.pem, authority.issue("both")


@pytest.fixture(scope="module")
def server(pems: tuple[Path, Pem]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pems[0])
    context.load_cert_chain(pems[1].certificate, pems[1].key)
    return context


@pytest.fixture(scope="module")
def client_context(pems: tuple[Path, Pem]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pems[0])
    context.load_cert_chain(pems[1].certificate, pems[1].key)
    return context


async def test_a_byte_at_a_time(server: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    stream, client = TlsStream(server), Client(client_context)
    network = Network(stream)
    for byte in client.shake():
        stream.data_received(bytes((byte,)))
    for byte in client.shake(network.take()) + client.say(b"early"):
        stream.data_received(bytes((byte,)))
    await stream.done
    assert not network.reads
    assert stream.certificate
    reader, writer = stream.begin()
    assert network.reads
    assert await reader.readexactly(5) == b"early"
    big = bytes(100_000)
    writer.write(big)
    heard = client.hear(network.take())
    while len(heard) < len(big):
        heard += client.hear(b"")
    assert heard == big
    stream.eof_received()
    assert await reader.read() == b""
    writer.write(b"still")
    assert client.hear(network.take()) == b"still"
    writer.close()
    await writer.wait_closed()
    # The goodbye; without it this raises.
    assert client.hear(network.take()) == b""


async def test_a_goodbye_ends_one_direction(server: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    stream, client = TlsStream(server), Client(client_context)
    network = Network(stream)
    stream.data_received(client.shake())
    last = client.shake(network.take()) + client.say(b"all")
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    stream.data_received(last + client._outgoing.read())
    await stream.done
    reader, writer = stream.begin()
    assert await reader.read() == b"all"
    writer.write(b"answer")
    assert network.sent
    writer.close()


async def test_one_that_hangs_up_before_or_after_is_an_error_that_says_so(
    server: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    for part in (0, 10, 100):
        stream, client = TlsStream(server), Client(client_context)
        network = Network(stream)
        if part:
            stream.data_received(client.shake()[:part])
        network.close()
        with pytest.raises(ConnectionError):
            await stream.done
        await stream.leave()


async def test_garbage_behind_the_handshake_ends_the_connection(
    server: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    stream, client = TlsStream(server), Client(client_context)
    network = Network(stream)
    stream.data_received(client.shake())
    stream.data_received(client.shake(network.take()))
    await stream.done
    reader, _ = stream.begin()
    stream.data_received(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert network.closed
    assert await reader.read() == b""


async def test_a_handshake_that_grows_without_end_is_ended(server: ssl.SSLContext) -> None:
    stream = TlsStream(server)
    Network(stream)
    record = b"\x16\x03\x01\x40\x00" + bytes(0x4000)
    for _ in range(MAX_HANDSHAKE // len(record) + 2):
        stream.data_received(record)
    with pytest.raises((ssl.SSLError, NoTlsError)):
        await stream.done


@given(st.data())
def test_any_change_to_a_first_message_is_a_handshake_or_one_error(
    server: ssl.SSLContext, client_context: ssl.SSLContext, data: st.DataObject
) -> None:
    async def attempt() -> None:
        hello = bytearray(Client(client_context).shake())
        for _ in range(data.draw(st.integers(1, 4))):
            hello[data.draw(st.integers(0, len(hello) - 1))] = data.draw(st.integers(0, 255))
        stream = TlsStream(server)
        Network(stream)
        stream.data_received(bytes(hello))
        stream.eof_received()
        try:
            await stream.done
        except (ssl.SSLError, NoTlsError) as error:
            kind, text = why(error)
            assert kind
            assert text
        except ConnectionError:
            pass
        await stream.leave() if stream.closed.is_set() else stream.abort()

    asyncio.run(attempt())


@given(st.binary(min_size=1, max_size=600))
def test_any_bytes_are_one_error(server: ssl.SSLContext, data: bytes) -> None:
    async def attempt() -> None:
        stream = TlsStream(server)
        Network(stream)
        stream.data_received(data)
        stream.eof_received()
        with pytest.raises((ssl.SSLError, NoTlsError, ConnectionError)):
            await stream.done

    asyncio.run(attempt())
