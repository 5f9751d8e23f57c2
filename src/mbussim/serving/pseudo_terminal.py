"""The serial port of the converter: a pty behind a stable link.

The kernel shows the server the client's baud rate and never its parity, and refuses a client's 8E1 when nothing but the parity
would change. Two states follow from that:

==========  ==========================================  ====================================================
state       the server                                  leaves it when
==========  ==========================================  ====================================================
waiting     holds the client's side open, raw, at B50   settings change or bytes come: a client is there
connected   has let go of the client's side             reading ends in EIO: the last client has closed
==========  ==========================================  ====================================================

So each client finds a rate that it must change, and its leaving is seen. Programs also repeat their settings while they are
connected (one does whenever its timeout changes). After each change the server therefore takes CLOCAL away, which has no meaning
here and which serial programs set: the next time, parity is again not all that would change.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import termios
import tty
from pathlib import Path
from typing import Final

from mbussim.serving.converter import Converter

RATES: Final = {
    getattr(termios, f"B{baud}"): baud for baud in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400)
}
READ_SIZE: Final = 257
"""A packet's first byte tells its kind; the rest are a client's bytes."""
MAX_WAITING: Final = 16
"""Packets that may wait for the wire; then the kernel holds the client back."""

_TIOCPKT: Final = getattr(termios, "TIOCPKT", 0x5420)
_EXTPROC: Final = 0o200000
_CONTROL_FLAGS, _LOCAL_FLAGS, _INPUT_SPEED, _OUTPUT_SPEED = 2, 3, 4, 5
_DATA = 0
_SETTINGS_CHANGED: Final = 0x40


class PseudoTerminal:
    """A pty under a link, until closed.

    :param baud: rate of the bus where the client's own is none of M-Bus.
    """

    def __init__(self, converter: Converter, link: Path, baud: int) -> None:
        self.link = link
        self._converter = converter
        self._baud = baud
        self._master = -1
        self._held: int | None = None
        self._name = ""
        self._packets: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make the pty and its link; raise `OSError`, also where something else than a link is in the way."""
        self._master, held = os.openpty()
        self._name = os.ttyname(held)
        os.close(held)
        os.set_blocking(self._master, False)
        fcntl.ioctl(self._master, _TIOCPKT, struct.pack("i", 1))
        try:
            self._place_link()
        except OSError:
            os.close(self._master)
            self._master = -1
            raise
        self._hold()
        self._converter.ports.add(self)
        self._sender = asyncio.create_task(self._send())
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def close(self) -> None:
        """Hang up and take the link away."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self._converter.ports.discard(self)
        if self._sender is not None:
            self._sender.cancel()
        with contextlib.suppress(OSError):
            if os.readlink(self.link) == self._name:
                self.link.unlink()
        self._let_go()
        os.close(self._master)
        self._master = -1

    def deliver(self, data: bytes) -> None:
        """Write to the client; what it does not read in time is lost, as in a UART."""
        with contextlib.suppress(OSError):
            os.write(self._master, data)

    @property
    def baud(self) -> int:
        """The client's rate."""
        speed = termios.tcgetattr(self._master)[_OUTPUT_SPEED]
        return RATES.get(speed, self._baud)

    def _place_link(self) -> None:
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(errno.EEXIST, "in the way and not a link", str(self.link))
        temporary = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(self._name)
        temporary.replace(self.link)

    def _hold(self) -> None:
        self._held = os.open(self._name, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._held)
        settings = termios.tcgetattr(self._held)
        settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = termios.B50
        settings[_LOCAL_FLAGS] |= _EXTPROC
        termios.tcsetattr(self._held, termios.TCSANOW, settings)
        # Our own change is announced too; it must not be taken for a client. One that was very quick may have spoken already.
        with contextlib.suppress(BlockingIOError):
            while (packet := os.read(self._master, READ_SIZE))[0] != _DATA:
                pass
            self._take(packet)

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _readable(self) -> None:
        try:
            packet = os.read(self._master, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            self._hold()
            return
        self._take(packet)

    def _take(self, packet: bytes) -> None:
        self._let_go()
        if packet[0] & _SETTINGS_CHANGED:
            self._leave_something_to_change()
        if packet[0] == _DATA and len(packet) > 1:
            self._packets.put_nowait((packet[1:], self.baud))
            if self._packets.qsize() >= MAX_WAITING:
                asyncio.get_running_loop().remove_reader(self._master)

    def _leave_something_to_change(self) -> None:
        # One call, so that nothing of what the client sets meanwhile is lost. It is announced too; then there is nothing to do.
        if termios.tcgetattr(self._master)[_CONTROL_FLAGS] & termios.CLOCAL:
            fcntl.ioctl(self._master, termios.TIOCSSOFTCAR, struct.pack("i", 0))

    async def _send(self) -> None:
        while True:
            data, baud = await self._packets.get()
            if self._packets.qsize() == MAX_WAITING - 1:
                asyncio.get_running_loop().add_reader(self._master, self._readable)
            await self._converter.send(data, baud)
