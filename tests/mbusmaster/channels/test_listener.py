"""Where a channel listens: addresses, and network devices where some are named."""

import asyncio
import socket

import pytest

from mbusmaster.channels.listener import ChannelError, Listener
from mbusmaster.settings import PlainTcpSettings
from support.needs import missing

LOOPBACK = "lo"


def settings(**changes: object) -> PlainTcpSettings:
    return PlainTcpSettings.model_validate({"port": 0, "bind": ["127.0.0.1"], **changes})


def listener(chosen: PlainTcpSettings, arrived: list[str] | None = None) -> Listener:
    def accepted(sock: socket.socket, source: str, port: int) -> None:
        sock.close()
        if arrived is not None:
            arrived.append(source)

    return Listener("a channel", "channels.plain_tcp", chosen, accepted)


async def greet(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = await reader.read()
    writer.close()
    return data


async def test_a_socket_bound_to_a_device_takes_what_comes_through_it() -> None:
    arrived: list[str] = []
    listening = listener(settings(interfaces=[LOOPBACK]), arrived)
    await listening.start()
    assert await greet(listening.endpoints[0][1]) == b""
    assert arrived == ["127.0.0.1"]
    await listening.stop()


async def test_and_nothing_that_comes_through_another_one_whatever_its_address() -> None:
    others = [name for _, name in socket.if_nameindex() if name != LOOPBACK]
    if not others:
        missing("a second network device")
    listening = listener(settings(bind=["0.0.0.0"], interfaces=[others[0]]))
    await listening.start()
    with pytest.raises(ConnectionRefusedError):
        await greet(listening.endpoints[0][1])
    await listening.stop()


async def test_a_device_that_is_not_there_is_named() -> None:
    listening = listener(settings(interfaces=["nowhere0"]))
    with pytest.raises(
        ChannelError, match=r"on nowhere0: there is no such network device.*plain_tcp\.interfaces"
    ):
        await listening.start()
    assert listening.endpoints == ()


async def test_a_taken_port_leaves_no_half_open_channel() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listening = listener(settings(port=other.getsockname()[1]))
        with pytest.raises(ChannelError, match="choose another port or address in channels"):
            await listening.start()
    assert listening.endpoints == ()


async def test_every_address_has_the_same_port_also_where_any_will_do() -> None:
    listening = listener(settings(bind=["127.0.0.1", "127.0.0.2"], interfaces=[LOOPBACK]))
    await listening.start()
    ports = {port for _, port in listening.endpoints}
    assert len(listening.endpoints) == 2
    assert len(ports) == 1
    await listening.stop()
    with pytest.raises(ConnectionRefusedError):
        await greet(ports.pop())
    await listening.stop()
