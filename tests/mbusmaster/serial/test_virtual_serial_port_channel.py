"""The virtual serial port as a pty, used by pyserial and by bare files."""

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import serial
import uvloop

from mbusio.pseudo_terminal import PseudoTerminal
from mbusmaster.channels import serial_port
from mbusmaster.channels.serial_port import SerialPortChannel
from mbusmaster.channels.session import MAX_PENDING
from mbusmaster.settings.schema import SerialPortSettings
from support.servedbus import ServedBus, served_bus, until
from support.settled import settled
from support.sharedbus import StrictMeter, nke, req, select

A, B = "12345678", "87654321"
E5 = b"\xe5"
NKE_5 = nke(5).to_bytes()


@contextlib.asynccontextmanager
async def offered(
    folder: Path, bus: ServedBus, link: str = "run/mbus", **settings: Any
) -> AsyncIterator[SerialPortChannel]:
    channel = SerialPortChannel(
        SerialPortSettings.model_validate({"link": str(folder / link), **settings}), bus.engine
    )
    await channel.start()
    try:
        yield channel
    finally:
        await channel.stop()


async def nobody(channel: SerialPortChannel) -> None:
    await settled(lambda: channel.clients == 0)


def ask_serial(where: str, request: bytes, size: int, baud: int = 2400, parity: str = "E") -> bytes:
    with serial.Serial(where, baud, parity=parity, timeout=5) as port:
        port.write(request)
        return port.read(size)


async def ask(channel: SerialPortChannel, request: bytes, size: int, **line: Any) -> bytes:
    assert channel.where is not None
    answer = await asyncio.to_thread(ask_serial, channel.where, request, size, **line)
    await nobody(channel)
    return answer


@contextlib.contextmanager
def plainly_opened(channel: SerialPortChannel) -> Any:
    """Open the port as a program that sets nothing."""
    assert channel.where is not None
    file = os.open(channel.where, os.O_RDWR | os.O_NOCTTY)
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            os.close(file)


async def test_a_serial_client_reads_a_meter(tmp_path: Path) -> None:
    meter = StrictMeter(5, A)
    async with served_bus([meter]) as bus, offered(tmp_path, bus) as channel:
        assert channel.where == str(tmp_path / "run/mbus")
        assert await ask(channel, NKE_5 + req(5, 1).to_bytes(), 1) == E5
        answer = meter.telegram(0)
        assert await ask(channel, req(5, 1).to_bytes(), len(answer)) == answer
    assert not (tmp_path / "run/mbus").is_symlink()


@pytest.mark.parametrize("parity", ["N", "E"])
async def test_programs_open_and_close_and_open_again(tmp_path: Path, parity: str) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
        for baud in (2400, 2400, 9600, 300, 300):
            assert await ask(channel, NKE_5, 1, baud=baud, parity=parity) == E5
        assert await ask(channel, b"", 0, parity=parity) == b""
        assert await ask(channel, NKE_5, 1, parity=parity) == E5
    assert bus.rates == [2400, 2400, 9600, 300, 300, 2400]


def test_all_of_it_works_on_uvloop_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
            for baud in (2400, 2400, 300):
                assert await ask(channel, NKE_5, 1, baud=baud) == E5
            assert bus.rates == [2400, 2400, 300]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def test_the_rate_may_change_while_the_port_is_open_and_parity_be_asked_for_again(
    tmp_path: Path,
) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:

        def session() -> None:
            with serial.Serial(str(channel.where), 2400, parity="E", timeout=5) as port:
                for baud in (9600, 300, 19200):
                    port.baudrate = baud
                    port.write(NKE_5)
                    assert port.read(1) == E5

        await asyncio.to_thread(session)
    assert bus.rates == [9600, 300, 19200]


async def test_a_rate_that_the_bus_has_not_is_the_default_with_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served_bus([StrictMeter(5, A)], default_baud=9600) as bus,
        offered(tmp_path, bus) as channel,
    ):
        for _ in range(2):
            assert await ask(channel, NKE_5, 1, baud=115200) == E5
    assert bus.rates == [9600, 9600]
    lines = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["serial port: 115200 baud is no rate of this bus, 9600 is used"]


async def test_a_client_that_sets_nothing_gets_the_default_rate_whatever_the_last_one_used(
    tmp_path: Path,
) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
        assert await ask(channel, NKE_5, 1, baud=300) == E5
        with plainly_opened(channel) as file:
            os.write(file, NKE_5)
            assert await asyncio.to_thread(os.read, file, 1) == E5
    assert bus.rates == [300, 19200]


async def test_every_byte_passes_unchanged(tmp_path: Path) -> None:
    meter = StrictMeter(5, A)
    everything = bytes(range(256))
    async with served_bus([meter]) as bus, offered(tmp_path, bus) as channel:
        meter.hear = lambda frame: everything  # type: ignore[method-assign]
        with plainly_opened(channel) as file:
            os.write(file, req(5, 1).to_bytes())
            got = b""
            while len(got) < 1:
                got += await asyncio.to_thread(os.read, file, 256)
            assert everything.startswith(got)


async def test_who_opens_the_port_next_is_a_new_client_without_the_selection_of_the_one_before(
    tmp_path: Path,
) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
        assert await ask(channel, select(A).to_bytes(), 1) == E5
        await until(bus.asked, lambda: nke(0xFD).to_bytes() in bus.frames)
        assert await ask(channel, NKE_5, 1) == E5


async def test_what_one_client_did_not_read_is_never_read_by_the_next(tmp_path: Path) -> None:
    meter = StrictMeter(5, A)
    async with served_bus([meter]) as bus, offered(tmp_path, bus) as channel:
        for wait_for_answer in (True, False):
            with plainly_opened(channel) as file:
                os.write(file, NKE_5)
                await until(bus.asked, lambda: NKE_5 in bus.frames)
                if wait_for_answer:
                    await asyncio.to_thread(os.read, file, 1)
                    os.write(file, req(5, 1).to_bytes())
                    await settled(lambda: len(bus.frames) == 2)
            await nobody(channel)
            with plainly_opened(channel) as file:
                os.write(file, NKE_5)
                assert await asyncio.to_thread(os.read, file, 100) == E5
            await nobody(channel)


async def test_what_a_client_sent_before_it_closed_is_still_carried_out(tmp_path: Path) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
        with plainly_opened(channel) as file:
            os.write(file, NKE_5)
        await until(bus.asked, lambda: bus.frames == [NKE_5])


async def test_a_client_that_reads_nothing_is_thrown_out_and_the_next_one_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meter = StrictMeter(5, A)
    async with served_bus([meter]) as bus, offered(tmp_path, bus) as channel:
        with plainly_opened(channel) as file:
            os.write(file, NKE_5)
            await settled(lambda: channel.clients == 1)
            # More than the kernel keeps; asking so often over a bus would take minutes.
            assert channel._visit is not None
            session_writer = channel._visit.transport
            session_writer.write(bytes(100_000))
            os.write(file, NKE_5)
            await settled(lambda: "does not read" in caplog.text)
            await nobody(channel)
        assert await ask(channel, NKE_5, 1) == E5


async def test_a_client_that_writes_without_end_is_held_back(tmp_path: Path) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
        bus.answers.clear()
        with plainly_opened(channel) as file:
            os.set_blocking(file, False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent < 1_000_000:
                    sent += os.write(file, NKE_5 * 100)
                    await asyncio.sleep(0.001)
            assert MAX_PENDING * 5 < sent < 200_000
            bus.answers.set()


async def test_a_program_that_took_the_port_for_itself_keeps_nobody_out_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel goes on refusing to open such a pty (TIOCEXCL), though not to root."""
    refused: list[str] = []
    really = os.open

    def refuse_once(path: str, flags: int) -> int:
        if not refused and str(path).startswith("/dev/pts/"):
            refused.append(path)
            raise OSError(errno.EBUSY, "busy")
        return really(path, flags)

    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as channel:
        monkeypatch.setattr("mbusio.pseudo_terminal.os.open", refuse_once)
        assert await ask(channel, NKE_5, 1) == E5
        await settled(lambda: bool(refused))
        monkeypatch.undo()
        await settled(lambda: isinstance(channel._port, PseudoTerminal) and channel._port.is_waiting)
        assert await ask(channel, NKE_5, 1) == E5


async def test_the_link_of_a_dead_process_is_replaced_and_taken_away_in_the_end(tmp_path: Path) -> None:
    link = tmp_path / "mbus"
    for old in ("/dev/pts/999999", "/nowhere"):
        link.symlink_to(old)
        async with served_bus([]) as bus, offered(tmp_path, bus, "mbus") as channel:
            assert channel.problem == ""
            assert os.readlink(link).startswith("/dev/pts/")
        assert not link.is_symlink()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
async def test_what_belongs_to_somebody_else_is_left_alone_and_the_gateway_goes_on(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    link, other = tmp_path / "mbus", tmp_path / "other"
    other.write_text("precious")
    match kind:
        case "file":
            link.write_text("precious")
        case "folder":
            link.mkdir()
        case "link":
            link.symlink_to(other)
    async with served_bus([]) as bus, offered(tmp_path, bus, "mbus") as channel:
        assert channel.where is None
        assert str(link) in channel.problem
        assert "channels.serial_port.link" in caplog.text
    assert link.is_dir() if kind == "folder" else link.read_text() == "precious"


async def test_of_two_gateways_the_second_leaves_the_port_to_the_first_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served_bus([StrictMeter(5, A)]) as bus, offered(tmp_path, bus) as first:
        async with offered(tmp_path, bus) as second:
            assert second.where is None
            assert "another gateway uses it" in second.problem
            assert second.problem in caplog.text
        assert await ask(first, NKE_5, 1) == E5
    async with served_bus([]) as bus, offered(tmp_path, bus) as again:
        assert again.problem == ""
    assert list((tmp_path / "run").iterdir()) == []


async def test_where_the_folder_may_not_be_written_the_log_says_so_and_the_gateway_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)
    async with served_bus([]) as bus, offered(tmp_path, bus) as channel:
        assert channel.where is None
    (line,) = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert line == (
        f"serial port: cannot make {tmp_path}/run/mbus: Permission denied; choose another name in "
        "channels.serial_port.link; going on without it"
    )


async def test_a_link_that_somebody_else_has_replaced_is_not_taken_away(tmp_path: Path) -> None:
    link = tmp_path / "mbus"
    async with served_bus([]) as bus, offered(tmp_path, bus, "mbus"):
        link.unlink()
        link.write_text("precious")
    assert link.read_text() == "precious"


async def test_the_port_may_be_used_by_its_group_and_by_nobody_else(tmp_path: Path) -> None:
    async with served_bus([]) as bus, offered(tmp_path, bus) as channel:
        about = os.stat(str(channel.where))
        assert about.st_mode & 0o777 == 0o660
        assert about.st_gid == serial_port._group()
