"""The serial port that a USB gadget offers to the computer at the other end of the cable (f_acm's /dev/ttyGS0).

The kernel does not pass the computer's line coding on: its baud rate cannot be seen, nor when a program there opens or closes the
port. A pulled cable is seen: reading ends. Then the device is opened again, which waits for the next cable.
"""

import asyncio
import contextlib
import errno
import logging
import os
import termios
import tty
from collections import deque
from typing import Final

from mbusio.pseudo_terminal import ClientCame, ClientLeft, PortEvent, Received

DEVICE: Final = "/dev/ttyGS0"
READ_SIZE: Final = 4096
RETRY_SECONDS: Final = 5.0
"""Between two tries to open the device."""

_log = logging.getLogger(__name__)


class UsbSerialPort:
    """The gadget's side of the port, from `open` to `close`; the device may come and go meanwhile."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._file = -1
        self._has_client = False
        self._told = ""
        self._events: deque[PortEvent] = deque()
        self._changed = asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Use the device as soon as it is there, and again whenever it is."""
        self._retry = None
        try:
            self._file = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            _make_raw(self._file)
        except (OSError, termios.error) as error:
            self._let_go()
            self._tell(error)
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self.open)
            return
        self._told = ""
        _log.info("%s is open, at the default rate of the bus", self.device)
        self._listen()

    def close(self) -> None:
        """Let the device go."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._let_go()
        self._events.clear()

    def hang_up(self) -> None:
        """Throw away what the other end has not read, and begin anew."""
        self._lost(None)

    def fileno(self) -> int:
        """Give the open device, to wait for room."""
        return self._file

    def write(self, data: bytes) -> int:
        """Write what there is room for, without waiting; give the number of bytes."""
        try:
            return os.write(self._file, data)
        except OSError:
            return 0

    async def read(self) -> PortEvent:
        """Give what happened next."""
        while not self._events:
            if self._file >= 0:
                self._listen()
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._file, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._file, READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._lost(None)
            return
        if not self._has_client:
            self._has_client = True
            self._put(ClientCame())
        self._put(Received(data, None))
        # The next bytes are read when these have been taken.
        asyncio.get_running_loop().remove_reader(self._file)

    def _lost(self, error: OSError | None) -> None:
        if self._file < 0:
            return
        with contextlib.suppress(termios.error):
            termios.tcflush(self._file, termios.TCIOFLUSH)
        self._let_go()
        if self._has_client:
            self._has_client = False
            self._put(ClientLeft())
        if error is not None and error.errno != errno.EIO:
            self._tell(error)
        self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self.open)

    def _let_go(self) -> None:
        if self._file >= 0:
            asyncio.get_running_loop().remove_reader(self._file)
            asyncio.get_running_loop().remove_writer(self._file)
            os.close(self._file)
            self._file = -1

    def _put(self, event: PortEvent) -> None:
        self._events.append(event)
        self._changed.set()

    def _tell(self, error: OSError | termios.error) -> None:
        reason = str(error.args[-1]) if isinstance(error, termios.error) else error.strerror or str(error)
        if reason != self._told:
            _log.error("%s cannot be used: %s; is the USB gadget set up? Trying again", self.device, reason)
            self._told = reason


def _make_raw(file: int) -> None:
    tty.setraw(file, termios.TCSANOW)
    settings = termios.tcgetattr(file)
    settings[2] |= termios.CLOCAL | termios.CREAD
    termios.tcsetattr(file, termios.TCSANOW, settings)
