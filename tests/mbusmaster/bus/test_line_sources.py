"""Where the line is read: files as the kernel has them, a stand-in for gpiod's request, and a program's socket.

There is no GPIO chip and no UART with modem lines here: the kernel has no gpio-sim, and a pseudo terminal has no such lines.
"""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mbusio.errors import ModemLinesError
from mbusio.transport import MemoryTransport, memory_pair, open_transport
from mbusmaster.bus.line import control_socket
from mbusmaster.bus.line.control_socket import ControlSocketMonitor
from mbusmaster.bus.line.places import Machine, ModemPort
from mbusmaster.bus.line.reading import LineMonitorError, Sample, Trouble
from mbusmaster.bus.line.sources import Sensors
from mbusmaster.settings import LineSettings


class ModemTransport(MemoryTransport):
    """A transport with modem lines."""

    on: frozenset[str] = frozenset()
    switched: tuple[tuple[str, bool], ...] = ()

    async def modem_lines(self) -> frozenset[str]:
        return self.on

    async def set_modem_line(self, line: str, on: bool) -> None:
        self.switched = (*self.switched, (line, on))


def sensors(modem: ModemPort | None = None, **settings: Any) -> Sensors:
    return Sensors(LineSettings.model_validate(settings), modem or ModemPort())


@pytest.fixture
def hwmon(tmp_path: Path) -> Path:
    """Give what a current monitor at hwmon looks like."""
    folder = tmp_path / "hwmon3"
    folder.mkdir()
    (folder / "curr1_input").write_text("331\n")
    (folder / "temp1_input").write_text("41500\n")
    (folder / "curr1_crit_alarm").write_text("0\n")
    return folder


@pytest.fixture
def iio(tmp_path: Path) -> Path:
    """Give what a converter at IIO looks like."""
    folder = tmp_path / "iio:device0"
    folder.mkdir()
    for name, text in {
        "in_current0_raw": "662",
        "in_current0_scale": "0.5",
        "in_voltage1_raw": "1000",
        "in_voltage1_offset": "-12",
        "in_voltage1_scale": "0.25",
    }.items():
        (folder / name).write_text(f"{text}\n")
    return folder


async def test_hwmon_gives_current_temperature_and_alarm(hwmon: Path) -> None:
    line = sensors(
        current=f"file:{hwmon}/curr1_input",
        temperature=f"file:{hwmon}/temp1_input",
        overload=f"file:{hwmon}/curr1_crit_alarm",
    )
    assert await line.read() == Sample(331.0, 41.5)
    (hwmon / "curr1_crit_alarm").write_text("1\n")
    assert await line.read() == Sample(331.0, 41.5, Trouble.OVERLOAD)
    assert await line.current() == 331.0
    assert line.is_quick
    assert not line.has_switch
    await line.close()


async def test_a_number_that_the_kernel_counts_anew_is_found_by_a_star(hwmon: Path) -> None:
    line = sensors(current=f"file:{hwmon.parent}/hwmon*/curr1_input?scale=0.5&offset=9")
    assert await line.current() == 170.0
    (hwmon.parent / "hwmon4").mkdir()
    (hwmon.parent / "hwmon4" / "curr1_input").write_text("5\n")
    with pytest.raises(LineMonitorError, match="2 files have such a name"):
        await line.current()
    await line.close()


async def test_iio_gives_a_current_or_a_voltage_at_a_shunt(iio: Path) -> None:
    for place, current in (("in_current0", 331.0), ("in_voltage1?shunt=0.5", 494.0)):
        line = sensors(current=f"iio:{iio}/{place}")
        assert await line.current() == current
        await line.close()


@pytest.mark.parametrize("text", ["", "many", "nan", "1e999", "7 secret"])
async def test_a_file_without_a_number_is_an_error_that_does_not_show_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "value").write_text(text)
    line = sensors(current=f"file:{tmp_path}/value")
    with pytest.raises(LineMonitorError) as caught:
        await line.read()
    assert str(caught.value) == f"{tmp_path}/value: holds no number"
    await line.close()


async def test_what_is_no_file_is_an_error_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("pipe", "is no file with a value"), ("none", "No such file")):
        line = sensors(temperature=f"file:{tmp_path}/{name}")
        with pytest.raises(LineMonitorError, match=why):
            await line.read()
        await line.close()


async def test_modem_lines_tell_and_switch_and_may_be_inverted() -> None:
    modem = ModemPort()
    line = sensors(modem, overload="modem:cts", overheated="modem:!dsr", supply="modem:!rts")
    with pytest.raises(LineMonitorError, match="not open"):
        await line.read()
    near, _ = memory_pair()
    transport = ModemTransport("memory", near._inbox, near._peer)
    modem.transport = transport
    transport.on = frozenset({"dsr"})
    assert (await line.read()).trouble is None
    transport.on = frozenset({"dsr", "cts"})
    assert (await line.read()).trouble is Trouble.OVERLOAD
    transport.on = frozenset()
    assert (await line.read()).trouble is Trouble.OVERTEMPERATURE
    await line.feed(True)
    await line.feed(False)
    assert transport.switched == (("rts", False), ("rts", True))
    await line.close()


async def test_a_path_without_modem_lines_says_so() -> None:
    near, _ = memory_pair()
    with pytest.raises(ModemLinesError):
        await near.modem_lines()
    master, slave = os.openpty()
    port = await open_transport(os.ttyname(slave))
    try:
        with pytest.raises(ModemLinesError, match="has no modem lines"):
            await port.modem_lines()
        with pytest.raises(ModemLinesError, match="has no modem lines"):
            await port.set_modem_line("rts", False)
    finally:
        await port.close()
        os.close(master)
        os.close(slave)


class Request:
    """As gpiod's, for one line."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.is_released = False

    def get_value(self, _: int) -> Any:
        return self.value

    def set_value(self, _: int, value: Any) -> None:
        self.value = value

    def release(self) -> None:
        self.is_released = True


async def test_a_line_of_a_gpio_chip_tells_and_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpiod
    from gpiod.line import Direction, Value

    asked: dict[int, Any] = {}
    requests: dict[int, Request] = {}

    def request_lines(chip: str, lines: dict[int, Any], consumer: str) -> Request:
        ((number, settings),) = lines.items()
        asked[number] = settings
        requests[number] = Request(settings.output_value)
        return requests[number]

    monkeypatch.setattr(gpiod, "request_lines", request_lines)
    line = sensors(overload="gpio:/dev/gpiochip0:!17", supply="gpio:/dev/gpiochip0:18")
    await line.feed(True)
    assert requests[18].value == Value.ACTIVE
    await line.feed(False)
    assert requests[18].value == Value.INACTIVE
    assert (await line.read()).trouble is None
    requests[17].value = Value.ACTIVE
    assert (await line.read()).trouble is Trouble.OVERLOAD
    assert (asked[17].direction, asked[17].active_low) == (Direction.INPUT, True)
    assert (asked[18].direction, asked[18].active_low) == (Direction.OUTPUT, False)
    await line.close()
    assert all(request.is_released for request in requests.values())


async def test_a_chip_that_is_not_there_is_an_error_with_its_name() -> None:
    machine = Machine(ModemPort())
    with pytest.raises(LineMonitorError, match="line 17 of /dev/mbusmaster-no-such-chip: No such file"):
        await machine.contact("gpio:/dev/mbusmaster-no-such-chip:17")()
    await machine.close()


@pytest.mark.parametrize(
    "text",
    ["", "file:", "file:relative", "file:/a?scale=x", "file:/a?shunt=0", "file:/a?scale=1&scale=2", "iio:/a?scale=1",
     "gpio:/etc/passwd:1", "gpio:/dev/gpiochip0", "modem:txd", "modem:", "http://host", "file:/a?scale=1e300"],
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be "):
        LineSettings.model_validate({"current": text, "overload": text})


async def monitor_server(answer: bytes, folder: Path) -> tuple[asyncio.Server, ControlSocketMonitor]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.readline():
                writer.write(answer)
            writer.close()

    server = await asyncio.start_unix_server(serve, folder / "control")
    return server, ControlSocketMonitor(f"unix://{folder}/control")


STATE = {"ok": True, "current_ma": 31.5, "temperature_c": 25.4, "shut_down": True, "line": "overload"}


async def test_the_line_is_read_from_a_control_socket(tmp_path: Path) -> None:
    server, monitor = await monitor_server(json.dumps(STATE).encode() + b"\n", tmp_path)
    for _ in range(2):
        assert await monitor.read() == Sample(31.5, 25.4, Trouble.OVERLOAD, is_off=True)
    await monitor.close()
    server.close()


@pytest.mark.parametrize("answer", [b"\n", b"[]\n", b'{"ok": false}\n', b'{"ok": true}\n', b"half"])
async def test_a_monitor_that_talks_nonsense_is_an_error_of_our_tree(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "ANSWER_SECONDS", 0.1)
    server, monitor = await monitor_server(answer, tmp_path)
    with pytest.raises(LineMonitorError):
        await monitor.read()
    server.close()


async def test_a_monitor_that_is_not_there_or_says_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "ANSWER_SECONDS", 0.01)
    with pytest.raises(LineMonitorError):
        await ControlSocketMonitor(f"unix://{tmp_path}/nothing").read()
    server, monitor = await monitor_server(b"", tmp_path)
    with pytest.raises(LineMonitorError, match="no answer"):
        await monitor.read()
    server.close()


def test_only_a_program_on_this_machine_is_quick() -> None:
    assert ControlSocketMonitor("unix:///run/line").is_quick
    assert not ControlSocketMonitor("tcp://127.0.0.1:1").is_quick
