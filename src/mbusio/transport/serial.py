"""A level converter at a serial port."""

import asyncio
import errno
import logging
import os
from pathlib import Path
from typing import Final

import serialx

from mbusio.errors import BaudError, ModemLinesError, TransportClosedError, TransportOpenError
from mbusio.transport.base import UNREAD_LIMIT
from mbusio.transport.stream import STUCK_SECONDS, StreamTransport
from mbusio.transport.wire import Wire

SERIAL_ALLOWANCE = 0.050
"""Drivers and the latency timer of USB adapters (MBUS.md 1.5, rule 1)."""
SLOW_LATENCY_MS = 4
"""An FTDI adapter collects bytes that long before it hands them over; its default of 16 ms makes every exchange slower."""

_PINS: Final = {"cts": "cts", "dsr": "dsr", "dcd": "car", "ri": "rng"}
"""Modem lines that come in, by the names that serialx has for them."""

_log = logging.getLogger(__name__)


class SerialTransport(StreamTransport):
    """A serial port, locked against other programs that lock."""

    allowance = SERIAL_ALLOWANCE

    def __init__(
        self,
        name: str,
        reader: asyncio.StreamReader,
        writer: serialx.SerialStreamWriter[serialx.BaseSerialTransport],
        baud: int,
        *,
        drains: bool = True,
    ) -> None:
        super().__init__(name, reader, writer, baud)
        self._port = writer.transport
        self._drains = drains

    async def write(self, data: bytes) -> None:
        """Send the bytes; return when the UART has sent the last one."""
        await super().write(data)
        if not self._drains:
            return
        try:
            async with asyncio.timeout(len(data) * 11 / self.baud + STUCK_SECONDS):
                await self._port.flush()
        except TimeoutError as error:
            raise TransportClosedError(
                f"{self.name} takes no more bytes; unplug the adapter and plug it in again"
            ) from error
        except (OSError, serialx.SerialException) as error:
            raise TransportClosedError(f"{self.name} is gone: {error}") from error

    async def set_baud(self, baud: int) -> None:
        """Switch the UART."""
        # While settings change serialx empties the buffers, and a read that finds nothing would look like a vanished device.
        self._port.pause_reading()
        try:
            await self._port.reconfigure_port(baudrate=baud)
        except serialx.UnsupportedSetting as error:
            raise BaudError(f"{self.name} cannot do {baud} baud: {error}") from error
        except (OSError, serialx.SerialException) as error:
            raise TransportClosedError(f"{self.name} is gone: {error}") from error
        finally:
            self._port.resume_reading()
        self.baud = baud

    async def modem_lines(self) -> frozenset[str]:
        """Ask the UART (TIOCMGET)."""
        pins = await self._modem_pins()
        return frozenset(line for line, pin in _PINS.items() if getattr(pins, pin) is serialx.PinState.HIGH)

    async def set_modem_line(self, line: str, on: bool) -> None:
        """Tell the UART (TIOCMBIS, TIOCMBIC)."""
        state = serialx.PinState.convert(on)
        await self._modem_pins()
        try:
            if line == "dtr":
                await self._port.set_modem_pins(dtr=state)
            else:
                await self._port.set_modem_pins(rts=state)
        except (OSError, serialx.SerialException) as error:
            raise ModemLinesError(f"{self.name}: {line.upper()} cannot be switched: {error}") from error

    async def _modem_pins(self) -> serialx.ModemPins:
        try:
            pins = await self._port.get_modem_pins()
        except (OSError, serialx.SerialException) as error:
            raise ModemLinesError(f"{self.name}: its modem lines cannot be read: {error}") from error
        # What has no UART, such as a pseudo terminal, is passed over in silence by serialx.
        if pins.cts is serialx.PinState.UNDEFINED:
            raise ModemLinesError(f"{self.name} has no modem lines")
        return pins


async def open_serial(name: str, device: str, wire: Wire) -> SerialTransport:
    """Open a port, locked; raise `TransportOpenError` when it is missing, in use, forbidden, or cannot do what is asked."""
    is_pty = _is_pseudo_terminal(device)
    try:
        reader, writer = await serialx.open_serial_connection(
            device,
            baudrate=wire.baud,
            parity=serialx.Parity.NONE if is_pty else serialx.Parity(wire.parity),
            dtr_on_open=serialx.PinState.convert(wire.dtr is not False),
            rts_on_open=serialx.PinState.convert(wire.rts is not False),
            exclusive=True,
        )
    except (OSError, serialx.SerialException) as error:
        raise TransportOpenError(_why_not(name, device, wire.baud, error)) from error
    reader._limit = UNREAD_LIMIT // 2  # type: ignore[attr-defined]  # serialx offers no parameter for it
    _hint_latency(device)
    # A pseudo terminal has no UART to wait for, and whoever is behind it may answer before the wire could.
    return SerialTransport(name, reader, writer, wire.baud, drains=not is_pty)


def _is_pseudo_terminal(device: str) -> bool:
    # The kernel has no parity there, and the C library reports an error when parity is all that would change.
    return os.path.realpath(device).startswith("/dev/pts/")


def _why_not(name: str, device: str, baud: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT:
        return f"{name}: no such device; is the adapter plugged in? Stable names are in /dev/serial/by-id"
    if number in (errno.EACCES, errno.EPERM):
        return f"{name}: permission denied; add yourself to the group of {device} (often dialout) and log in again"
    if number in (errno.EBUSY, errno.EAGAIN):
        return f"{name}: in use by another program; stop that one first"
    if number == errno.ENOTTY:
        return f"{name}: not a serial port"
    return f"{name}: cannot be opened at {baud} baud ({error})"


def _hint_latency(device: str) -> None:
    timer = Path("/sys/class/tty") / Path(os.path.realpath(device)).name / "device/latency_timer"
    try:
        milliseconds = int(timer.read_text())
    except (OSError, ValueError):
        return
    if milliseconds > SLOW_LATENCY_MS:
        _log.info(
            "%s waits %d ms before it hands bytes over; write 1 into %s for speed",
            device,
            milliseconds,
            timer,
        )
