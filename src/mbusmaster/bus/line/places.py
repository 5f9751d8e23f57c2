"""Values, contacts and switches of this machine: files of hwmon and IIO, lines of a GPIO chip, modem lines of the serial port.

The kernel's units: hwmon gives mA, mV and thousandths of °C; IIO gives ``(raw + offset) * scale`` in the same units
(Documentation/hwmon/sysfs-interface.rst, Documentation/ABI/testing/sysfs-bus-iio).
"""

import asyncio
import glob
import math
import os
import stat
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from mbusio.errors import BusIOError
from mbusio.transport import Transport
from mbusmaster.bus.line.reading import LineMonitorError
from mbusmaster.settings import LinePlace

T = TypeVar("T")

ANSWER_SECONDS: Final = 2.0
"""A sensor that does not answer for so long is not going to."""
MAX_TEXT: Final = 64
"""Bytes of a value file."""
CONSUMER: Final = "mbusmaster"

Value = Callable[[], Awaitable[float]]
Contact = Callable[[], Awaitable[bool]]
Switch = Callable[[bool], Awaitable[None]]


class ModemPort:
    """The serial port of the bus, as long as it is open.

    :ivar transport: None while there is none.
    """

    def __init__(self) -> None:
        self.transport: Transport | None = None

    async def is_on(self, line: str) -> bool:
        """Tell whether a line is on; raise `LineMonitorError`."""
        try:
            return line in await self._port().modem_lines()
        except BusIOError as error:
            raise LineMonitorError(str(error)) from error

    async def switch(self, line: str, on: bool) -> None:
        """Switch a line; raise `LineMonitorError`."""
        try:
            await self._port().set_modem_line(line, on)
        except BusIOError as error:
            raise LineMonitorError(str(error)) from error

    def _port(self) -> Transport:
        if self.transport is None:
            raise LineMonitorError("the level converter is not open, so its modem lines say nothing")
        return self.transport


class Machine:
    """Opens what settings name, in one thread of its own: a sensor's driver may make its reader wait.

    :param modem: the bus's own port.
    """

    def __init__(self, modem: ModemPort) -> None:
        self._modem = modem
        self._thread = ThreadPoolExecutor(1, "line-monitor")
        self._running: asyncio.Future[Any] | None = None
        self._requests: dict[str, Any] = {}

    def value(self, setting: str) -> Value:
        """Give what reads the number of a place, in the kernel's units."""
        place = LinePlace.from_text(setting)
        reading = _read_iio if place.kind == "iio" else _read_file
        return lambda: self._do(reading, place)

    def contact(self, setting: str) -> Contact:
        """Give what tells whether a place is active."""
        place = LinePlace.from_text(setting)
        if place.kind == "modem":

            async def is_active() -> bool:
                return await self._modem.is_on(place.target) is not place.is_inverted

            return is_active
        if place.kind == "gpio":
            return lambda: self._do(self._is_active, setting, place)

        async def is_not_zero() -> bool:
            return await self._do(_read_file, place) != 0

        return is_not_zero

    def switch(self, setting: str) -> Switch:
        """Give what switches a place."""
        place = LinePlace.from_text(setting)
        if place.kind == "modem":
            return lambda on: self._modem.switch(place.target, on is not place.is_inverted)
        return lambda on: self._do(self._set, setting, place, on)

    async def close(self) -> None:
        """Give everything back; a GPIO line keeps its level or not as its chip's driver does."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        for request in self._requests.values():
            request.release()
        self._requests.clear()

    async def _do(self, what: Callable[..., T], *arguments: object) -> T:
        if self._running is not None and not self._running.done():
            raise LineMonitorError("a sensor does not answer; look at its wiring and the kernel's log")
        running = asyncio.get_running_loop().run_in_executor(self._thread, what, *arguments)
        self._running = running
        running.add_done_callback(_look_at_result)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(running)
        except TimeoutError as error:
            raise LineMonitorError(f"no answer within {ANSWER_SECONDS:.0f} s") from error

    def _is_active(self, setting: str, place: LinePlace) -> bool:
        request = self._requests.get(setting) or self._opened(setting, place, None)
        return _of_gpio(place, lambda: bool(request.get_value(place.number).value))

    def _set(self, setting: str, place: LinePlace, on: bool) -> None:
        known = self._requests.get(setting)
        if known is None:
            self._opened(setting, place, on)
        else:
            value = type(known.get_value(place.number))(int(on))
            _of_gpio(place, lambda: known.set_value(place.number, value))

    def _opened(self, setting: str, place: LinePlace, output: bool | None) -> Any:
        try:
            import gpiod
            from gpiod.line import Direction, Value
        except ImportError as error:
            raise LineMonitorError("gpiod is not installed; install mbusmaster[panel]") from error
        settings = gpiod.LineSettings(
            direction=Direction.INPUT if output is None else Direction.OUTPUT,
            output_value=Value.ACTIVE if output else Value.INACTIVE,
            active_low=place.is_inverted,
        )
        request = _of_gpio(
            place,
            lambda: gpiod.request_lines(place.target, {place.number: settings}, consumer=CONSUMER),
        )
        self._requests[setting] = request
        return request


def _look_at_result(future: "asyncio.Future[Any]") -> None:
    # A caller that gave up fetches no result; looking at it keeps asyncio from complaining.
    if not future.cancelled():
        future.exception()


def _of_gpio(place: LinePlace, call: Callable[[], T]) -> T:
    try:
        return call()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise LineMonitorError(f"line {place.number} of {place.target}: {reason}") from error


def _read_file(place: LinePlace) -> float:
    number = (_number(_path(place.target)) + place.offset) * (1.0 if place.scale is None else place.scale)
    return number if place.shunt is None else number / place.shunt


def _read_iio(place: LinePlace) -> float:
    base = _path(f"{place.target}_raw").removesuffix("_raw")
    raw, scale = _number(f"{base}_raw"), _number(f"{base}_scale")
    # A driver without an offset has no such file.
    offset = _number(f"{base}_offset") if os.path.exists(f"{base}_offset") else 0.0
    number = (raw + offset) * scale
    return number if place.shunt is None else number / place.shunt


def _path(pattern: str) -> str:
    if "*" not in pattern:
        return pattern
    found = glob.glob(pattern)
    if len(found) != 1:
        raise LineMonitorError(f"{pattern}: {len(found)} files have such a name; name the one that is meant")
    return found[0]


def _number(path: str) -> float:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise LineMonitorError(f"{path}: is no file with a value")
            text = os.read(file, MAX_TEXT)
        finally:
            os.close(file)
    except OSError as error:
        raise LineMonitorError(f"{path}: {error.strerror or error}") from error
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        # What else it holds is nobody's business.
        raise LineMonitorError(f"{path}: holds no number")
    return number
