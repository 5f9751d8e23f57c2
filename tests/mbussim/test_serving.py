"""The ports of the simulated bus, with clients of the machine itself."""

import asyncio
import json
import os
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import serial

from mbus.link.frames import LongFrame
from mbussim.bus import Bus
from mbussim.faults import Fault
from mbussim.installation import Installation
from mbussim.meter import Meter, PlainMeter, plain_meters
from mbussim.population import population
from mbussim.serving.app import Server, Serving
from mbussim.serving.control import MAX_LINE
from mbussim.serving.converter import BACKLOG, Converter
from mbussim.serving.pseudo_terminal import SerialPort
from mbussim.serving.tcp import MAX_CLIENTS
from mbussim.slave import Slave
from support.settled import settled

NKE_1 = bytes.fromhex("1040014116")
REQ_1 = bytes.fromhex("107B017C16")


def a_bus(n: int = 3) -> Bus:
    return Bus.of(plain_meters(population(n, "random", 1)))


def make(model: str, primary: int | None, identification: str | None) -> Meter:
    (identity,) = population(1, "random", 99)
    return PlainMeter(primary or 77, identity, model=model)


@asynccontextmanager
async def serving(**options: object) -> AsyncIterator[Server]:
    settings: dict[str, object] = {
        "tcp": ("127.0.0.1", 0),
        "pty": None,
        "control": "127.0.0.1:0",
        "fast": True,
    }
    server = Server(Serving(**settings | options), Installation(a_bus()), make)  # type: ignore[arg-type]
    try:
        await server.open()
        yield server
    finally:
        await server.close()


async def connect(address: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = str(address).rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def control(server: Server, *requests: dict[str, object]) -> list[dict[str, object]]:
    reader, writer = await connect(server.offer()["control"])
    answers = []
    for request in requests:
        writer.write(json.dumps(request).encode() + b"\n")
        answers.append(json.loads(await reader.readline()))
    await leave(writer)
    return answers


async def test_a_tcp_client_talks_to_the_bus() -> None:
    async with serving() as server:
        reader, writer = await connect(server.offer()["tcp"])
        writer.write(NKE_1)
        assert await reader.readexactly(1) == b"\xe5"
        writer.write(REQ_1)
        assert (await reader.readexactly(100))[:4] == b"\x68\x5e\x5e\x68"
        await leave(writer)


async def test_a_request_may_come_byte_by_byte_and_behind_rubbish() -> None:
    async with serving() as server:
        reader, writer = await connect(server.offer()["tcp"])
        for byte in b"\x00\x68\x01" + NKE_1:
            writer.write(bytes((byte,)))
            await writer.drain()
        assert await reader.readexactly(1) == b"\xe5"
        await leave(writer)


async def test_everyone_behind_the_converter_hears_everything() -> None:
    async with serving() as server:
        first, speaking = await connect(server.offer()["tcp"])
        second, listening = await connect(server.offer()["tcp"])
        await settled(lambda: connected(server) == 2)
        speaking.write(NKE_1)
        assert await first.readexactly(1) == b"\xe5"
        assert await second.readexactly(1) == b"\xe5"
        for writer in (speaking, listening):
            await leave(writer)


async def test_clients_are_bounded_and_those_that_leave_make_room() -> None:
    async with serving() as server:
        clients = [await connect(server.offer()["tcp"]) for _ in range(MAX_CLIENTS)]
        await settled(lambda: connected(server) == MAX_CLIENTS)
        reader, refused = await connect(server.offer()["tcp"])
        with suppress(ConnectionResetError):
            assert await reader.read(1) == b""
        await leave(refused)
        for _, writer in clients:
            await leave(writer)
        await settled(lambda: connected(server) == 0)
        reader, writer = await connect(server.offer()["tcp"])
        writer.write(NKE_1)
        assert await reader.readexactly(1) == b"\xe5"
        await leave(writer)


async def test_rubbish_without_end_is_held_back_by_the_wire() -> None:
    async with serving(fast=False, baud=19200) as server:
        _, writer = await connect(server.offer()["tcp"])
        writer.write(bytes(2_000_000))
        await asyncio.sleep(0.1)
        (state,) = await control(server, {"do": "state"})
        traffic = state["traffic"]
        assert isinstance(traffic, dict)
        assert 0 < traffic["characters_sent"] < (BACKLOG + 5) * 19200 / 11
        await leave(writer)


async def test_the_control_socket_tells_the_state_and_lays_faults() -> None:
    async with serving() as server:
        state, fault, after, cleared = await control(
            server,
            {"do": "state"},
            {"do": "fault", "fault": "short"},
            {"do": "state"},
            {"do": "clear", "number": 1},
        )
        assert (state["ok"], state["line"], state["idle_ma"]) == (True, "idle", 4.5)
        assert fault == {"ok": True, "number": 1}
        assert after["shut_down"] is True
        assert cleared == {"ok": True}


async def test_meters_come_and_go_over_the_control_socket() -> None:
    async with serving() as server:
        muted, removed, added, meters = await control(
            server,
            {"do": "mute", "meter": 1},
            {"do": "remove", "meter": "2"},
            {"do": "add", "model": "new", "primary": 9},
            {"do": "meters"},
        )
        assert (muted["count"], removed["count"]) == (1, 1)
        assert isinstance(added["meter"], dict)
        assert added["meter"]["primary"] == 9
        assert isinstance(meters["meters"], list)
        assert [meter["primary"] for meter in meters["meters"]] == [1, 3, 9]


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"do": 3}', b'{"do": "fault"}', b'{"do": "fault", "fault": "x"}',
     b'{"do": "clear", "number": 7}', b'{"do": "clear", "number": true}', b'{"do": "mute", "meter": "q"}',
     b'{"do": "mute"}', b'{"do": "add"}', b"[" * 5000],
)  # fmt: skip
async def test_what_the_control_socket_cannot_do_is_said_and_the_connection_stays(line: bytes) -> None:
    async with serving() as server:
        reader, writer = await connect(server.offer()["control"])
        writer.write(line + b"\n")
        answer = json.loads(await reader.readline())
        assert answer["ok"] is False
        assert answer["error"]
        writer.write(b'{"do": "state"}\n')
        assert json.loads(await reader.readline())["ok"] is True
        await leave(writer)


async def test_a_control_line_without_end_closes_that_connection() -> None:
    async with serving() as server:
        reader, writer = await connect(server.offer()["control"])
        writer.write(b"x" * (2 * MAX_LINE))
        assert json.loads(await reader.readline())["error"] == "line too long"
        await leave(writer)
        (state,) = await control(server, {"do": "state"})
        assert state["ok"]


async def test_the_control_socket_may_be_a_path_and_spares_what_is_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with serving(control=str(path)) as server:
        assert server.offer()["control"] == str(path)
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"do": "state"}\n')
        assert json.loads(await reader.readline())["ok"]
        await leave(writer)
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        async with serving(control=str(path)):
            pass
    assert path.read_text() == "precious"


async def test_unplugged_the_ports_are_gone_and_plugged_in_they_are_back(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serving(pty=link, faults=(Fault.from_text("unplugged"),)) as server:
        address = server.offer()["tcp"]
        assert not link.is_symlink()
        with pytest.raises(ConnectionRefusedError):
            await connect(address)
        await control(server, {"do": "clear"})
        assert link.is_symlink()
        reader, writer = await connect(address)
        writer.write(NKE_1)
        assert await reader.readexactly(1) == b"\xe5"
        await control(server, {"do": "fault", "fault": "unplugged"})
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert not link.is_symlink()
        await leave(writer)


def ask_serial(link: Path, request: bytes, size: int, baud: int = 2400) -> bytes:
    with serial.Serial(str(link), baud, parity="E", timeout=5) as port:
        port.write(request)
        return port.read(size)


async def test_a_serial_client_talks_over_the_pty_and_opens_it_again_and_again(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serving(tcp=None, pty=link) as server:
        assert server.offer()["pty"] == str(link)
        assert "tcp" not in server.offer()
        for _ in range(5):
            assert await asyncio.to_thread(ask_serial, link, NKE_1, 1) == b"\xe5"
            await settled(lambda: server._pty is not None and server._pty.is_waiting)
    assert not link.is_symlink()


def connected(server: Server) -> int:
    return len(server._converter.ports)


async def test_a_client_that_only_opens_and_closes_does_not_keep_the_next_one_out(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serving(pty=link) as server:
        for _ in range(3):
            await asyncio.to_thread(ask_serial, link, b"", 0)
            await settled(lambda: server._pty is not None and server._pty.is_waiting)
        assert await asyncio.to_thread(ask_serial, link, NKE_1, 1) == b"\xe5"


async def test_the_rate_that_the_serial_client_sets_is_the_rate_of_its_request(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serving(pty=link) as server:
        for baud in (300, 9600):
            assert await asyncio.to_thread(ask_serial, link, NKE_1, 1, baud) == b"\xe5"
            assert server._converter.bus.rate == baud
            await settled(lambda: server._pty is not None and server._pty.is_waiting)


async def test_every_byte_passes_the_pty_unchanged(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    bus = a_bus(0)
    converter = Converter(bus, asyncio.get_running_loop().time, fast=True)
    terminal = SerialPort(converter, link, 2400)
    await terminal.open()
    got = bytearray()
    converter.send = lambda data, baud: collect(got, data)  # type: ignore[method-assign]
    try:
        with serial.Serial(str(link), 2400, parity="E", timeout=5) as port:
            port.write(bytes(range(256)))
            await settled(lambda: len(got) == 256)
            terminal.deliver(bytes(range(256)))
            assert await asyncio.to_thread(port.read, 256) == bytes(range(256))
    finally:
        await terminal.close()
    assert got == bytes(range(256))


async def collect(into: bytearray, data: bytes) -> None:
    into += data


async def test_an_old_link_is_replaced_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    link.symlink_to("/dev/nowhere")
    async with serving(pty=link):
        assert os.readlink(link).startswith("/dev/pts/")
    link.write_text("precious")
    with pytest.raises(FileExistsError):
        async with serving(pty=link):
            pass
    assert link.read_text() == "precious"


async def test_a_waiting_pty_stands_at_a_rate_that_no_client_wants(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serving(pty=link):
        file = os.open(link, os.O_RDWR | os.O_NOCTTY)
        try:
            assert termios.tcgetattr(file)[5] == termios.B50
        finally:
            os.close(file)


async def test_a_serial_client_with_even_parity_may_repeat_its_settings(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serving(pty=link):
        with serial.Serial(str(link), 9600, parity="E", timeout=5) as port:
            for timeout in (4, 3, 2):
                await settled(lambda: not termios.tcgetattr(port.fileno())[2] & termios.CLOCAL)
                # The library writes all settings again; nothing but parity, which a pty has not, would change.
                port.timeout = timeout
            assert termios.tcgetattr(port.fileno())[5] == termios.B9600
            port.write(NKE_1)
            assert await asyncio.to_thread(port.read, 1) == b"\xe5"


class FakeTime:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Ear:
    def __init__(self, clock: FakeTime) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._clock = clock

    def deliver(self, data: bytes) -> None:
        self.heard.append((self._clock.now, data))


async def test_in_real_time_an_answer_is_handed_on_as_it_comes_and_never_before() -> None:
    clock = FakeTime()
    converter = Converter(a_bus(), clock)
    ear = Ear(clock)
    converter.ports.add(ear)
    await converter.send(REQ_1, 2400)
    first_at, step = 1000 + (55 + 11 + 11) / 2400, 11 / 2400
    for tick in range(600):
        clock.now = 1000 + tick / 1000
        converter.step()
    assert b"".join(data for _, data in ear.heard)[:4] == b"\x68\x5e\x5e\x68"
    count = 0
    for when, data in ear.heard:
        count += len(data)
        assert when >= first_at + (count - 1) * step - 1e-6
        assert when <= first_at + (count - 1) * step + 0.0062
    assert count == 100


async def test_without_waiting_a_late_answer_is_still_waited_for() -> None:
    async with serving(faults=(Fault.from_text("late=0.05"),)) as server:
        reader, writer = await connect(server.offer()["tcp"])
        began = server._converter.now
        writer.write(NKE_1)
        assert await reader.readexactly(1) == b"\xe5"
        assert server._converter.now - began >= 0.05
        await leave(writer)


async def test_the_first_and_the_last_character_of_an_answer_are_not_held_back() -> None:
    clock = FakeTime()
    converter = Converter(a_bus(), clock)
    ear = Ear(clock)
    converter.ports.add(ear)
    await converter.send(REQ_1, 2400)
    first_at, last_at = 1000 + (55 + 11 + 11) / 2400, 1000 + (55 + 11 + 1100) / 2400
    while clock.now < 1001:
        wait = converter.step()
        clock.now += 0.0001 if wait is None else wait + 1e-9
    assert ear.heard[0][0] == pytest.approx(first_at, abs=1e-5)
    assert ear.heard[-1][0] == pytest.approx(last_at, abs=1e-5)


class BrokenMeter(PlainMeter):
    def reading(self, now: float) -> Sequence[LongFrame]:
        raise ZeroDivisionError


async def test_a_meter_that_fails_is_a_meter_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        (identity,) = population(1, "random", 5)
        server._converter.bus.slaves.append(Slave(BrokenMeter(2, identity)))
        reader, writer = await connect(server.offer()["tcp"])
        writer.write(bytes.fromhex("107B027D16"))
        await settled(lambda: "a simulated meter failed" in caplog.text)
        writer.write(NKE_1)
        assert await reader.readexactly(1) == b"\xe5"
        await leave(writer)
