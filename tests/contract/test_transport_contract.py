"""What holds for every transport."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from mbusio.errors import TransportClosedError

if TYPE_CHECKING:
    from contract.conftest import Pipe

# pyserial still starts its thread in a way that newer Pythons call old.
pytestmark = pytest.mark.filterwarnings("ignore:set.*is deprecated:DeprecationWarning")

ALL_BYTES = bytes(range(256))


async def read_exactly(pipe: "Pipe", count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = await pipe.near.read()
        assert piece
        data += piece
    return data


async def test_what_is_written_arrives_whole_and_unchanged(pipe: "Pipe") -> None:
    await pipe.near.write(ALL_BYTES)
    assert await pipe.far.receive(256) == ALL_BYTES


async def test_what_is_sent_there_is_read_here_in_any_pieces(pipe: "Pipe") -> None:
    for start in range(0, 256, 7):
        await pipe.far.send(ALL_BYTES[start : start + 7])
    assert await read_exactly(pipe, 256) == ALL_BYTES


async def test_nothing_is_lost_when_much_comes_before_anyone_reads(pipe: "Pipe") -> None:
    sending = asyncio.create_task(pipe.far.send(ALL_BYTES * 64))
    assert await read_exactly(pipe, 256 * 64) == ALL_BYTES * 64
    await sending


async def test_closing_wakes_a_waiting_reader(pipe: "Pipe") -> None:
    reading = asyncio.create_task(pipe.near.read())
    await asyncio.sleep(0)
    await pipe.near.close()
    with pytest.raises(TransportClosedError):
        await reading


async def test_closing_twice_does_nothing(pipe: "Pipe") -> None:
    await pipe.near.close()
    await pipe.near.close()


async def test_writing_after_close_says_that_it_is_closed(pipe: "Pipe") -> None:
    await pipe.near.close()
    with pytest.raises(TransportClosedError, match="closed"):
        await pipe.near.write(b"\x10")


async def test_an_other_end_that_vanishes_is_a_closed_transport(pipe: "Pipe") -> None:
    reading = asyncio.create_task(pipe.near.read())
    await asyncio.sleep(0)
    await pipe.far.vanish()
    with pytest.raises(TransportClosedError):
        await reading


# The kernel discards what a pseudo terminal held when its other side closes: no serial port in this one.
@pytest.mark.parametrize("pipe", ["memory", "tcp", "tls", "rfc2217", "hosted"], indirect=True)
async def test_what_came_before_the_end_is_still_read(pipe: "Pipe") -> None:
    await pipe.far.send(b"\xe5")
    await pipe.far.vanish()
    assert await pipe.near.read() == b"\xe5"
    with pytest.raises(TransportClosedError):
        await pipe.near.read()


async def test_a_change_of_rate_reaches_the_port_and_bytes_still_pass(pipe: "Pipe") -> None:
    await pipe.near.set_baud(9600)
    assert pipe.near.baud == 9600
    assert pipe.far.baud() == 9600
    await pipe.near.write(b"\x10\x40\x01\x41\x16")
    assert await pipe.far.receive(5) == b"\x10\x40\x01\x41\x16"
    await pipe.far.send(b"\xe5")
    assert await pipe.near.read() == b"\xe5"


async def test_a_reader_that_is_cancelled_loses_nothing(pipe: "Pipe") -> None:
    reading = asyncio.create_task(pipe.near.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await pipe.far.send(b"\x68\x16")
    assert await read_exactly(pipe, 2) == b"\x68\x16"
