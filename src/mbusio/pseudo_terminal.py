"""A serial port made of software: a pty behind a stable link, whose server sees each client come, its rate, and its leaving.

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
here and which serial programs set: the next time, parity is again not all that would change. A program that repeats its 8E1
within microseconds is quicker than that and may be told EINVAL (libmbus at 2400 baud sets its default, then the same again).
"""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import struct
import termios
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READ_SIZE: Final = 257
"""A packet's first byte tells its kind; the rest are a client's bytes."""
MAX_WAITING: Final = 16
"""Events that may wait for the server; then the kernel holds the client back."""
RENEW_SECONDS: Final = 1.0
"""Between two tries to make a new pty where the system has none to give."""

_RATES: Final = {
    speed: int(name[1:])
    for name, speed in vars(termios).items()
    if name[0] == "B" and name[1:].isdigit() and name not in ("B0", "B50")
}
_FOLDER: Final = "/dev/pts/"
_TIOCPKT: Final = getattr(termios, "TIOCPKT", 0x5420)
_EXTPROC: Final = 0o200000
_INPUT_FLAGS, _OUTPUT_FLAGS, _CONTROL_FLAGS, _LOCAL_FLAGS, _INPUT_SPEED, _OUTPUT_SPEED = range(6)
_DATA: Final = 0
_FLUSHED_READ: Final = 0x01
_SETTINGS_CHANGED: Final = 0x40

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClientCame:
    """A program has opened the port, and set it up or sent something."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of the client.

    :ivar baud: rate at which it sent them; None where it did not choose one, or it cannot be seen.
    """

    data: bytes
    baud: int | None


@dataclass(frozen=True, slots=True)
class Purged:
    """The client threw away what it had not read yet."""


@dataclass(frozen=True, slots=True)
class ClientLeft:
    """The last program that had the port open has closed it."""


PortEvent = ClientCame | Received | Purged | ClientLeft


class PseudoTerminal:
    """A pty under a link, from `open` to `close`; may be opened again.

    :param mode: permissions of the port; None leaves the system's.
    :param group: that the port belongs to; None leaves the system's.
    """

    def __init__(self, link: Path, *, mode: int | None = None, group: int | None = None) -> None:
        self.link = link
        self._mode = mode
        self._group = group
        self._master = -1
        self._held: int | None = None
        self._name = ""
        self._events: deque[PortEvent] = deque()
        self._changed = asyncio.Event()
        self._is_paused = False
        self._renewal: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether nobody uses the port."""
        return self._held is not None

    @property
    def baud(self) -> int | None:
        """The client's rate; None where it did not choose one."""
        return _RATES.get(termios.tcgetattr(self._master)[_OUTPUT_SPEED])

    def open(self) -> None:
        """Make the port and its link; raise `OSError`, also where something else than an old link of ours is in the way."""
        self._make()
        try:
            self._place_link()
        except OSError:
            self._unmake()
            raise
        self._hold()

    def close(self) -> None:
        """Hang up and take the link away."""
        with contextlib.suppress(OSError):
            if os.readlink(self.link) == self._name:
                self.link.unlink()
        self._unmake()
        self._name = ""
        self._events.clear()

    def hang_up(self) -> None:
        """Throw the client out: its port is dead, the next one finds a new port under the link."""
        self._events.clear()
        if not self.is_waiting:
            self._put(ClientLeft())
        self._renew()

    def fileno(self) -> int:
        """Give the server's side, to wait for room; another one after `hang_up`."""
        return self._master

    def write(self, data: bytes) -> int:
        """Write what the client has room for, without waiting; give the number of bytes."""
        try:
            return os.write(self._master, data)
        except OSError:
            return 0

    async def read(self) -> PortEvent:
        """Give what happened next."""
        while not self._events:
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        if self._is_paused and len(self._events) < MAX_WAITING and self._master >= 0:
            self._is_paused = False
            asyncio.get_running_loop().add_reader(self._master, self._readable)
        return event

    def _make(self) -> None:
        self._master, held = os.openpty()
        self._name = os.ttyname(held)
        os.close(held)
        os.set_blocking(self._master, False)
        fcntl.ioctl(self._master, _TIOCPKT, struct.pack("i", 1))
        with contextlib.suppress(OSError):
            if self._group is not None:
                os.chown(self._name, -1, self._group)
            if self._mode is not None:
                Path(self._name).chmod(self._mode)
        self._is_paused = False
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def _unmake(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        self._let_go()
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            asyncio.get_running_loop().remove_writer(self._master)
            os.close(self._master)
            self._master = -1

    def _renew(self) -> None:
        self._unmake()
        try:
            self._make()
            self._place_link()
        except OSError as error:
            self._unmake()
            _log.error("%s cannot be renewed: %s; trying again", self.link, error.strerror)
            self._renewal = asyncio.get_running_loop().call_later(RENEW_SECONDS, self._renew)
        else:
            self._hold()

    def _place_link(self) -> None:
        if self.link.is_symlink():
            is_foreign = self.link.exists() and not os.readlink(self.link).startswith(_FOLDER)
        else:
            is_foreign = self.link.exists()
        if is_foreign:
            raise FileExistsError(
                errno.EEXIST, "in the way and not a link to a pseudo-terminal", str(self.link)
            )
        temporary = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(self._name)
        temporary.replace(self.link)

    def _hold(self) -> None:
        try:
            self._held = os.open(self._name, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            # A program took the port for itself alone (TIOCEXCL), which the kernel does not forget when it closes.
            asyncio.get_running_loop().remove_reader(self._master)
            self._renewal = asyncio.get_running_loop().call_later(0, self._renew)
            return
        # The next client may have been very quick: what it set must not be undone.
        if quick := self._packets():
            self._take(quick)
            return
        self._prepare(self._held)
        # Our own change is announced too; it must not be taken for a client.
        quick = [packet for packet in self._packets() if packet[0] == _DATA]
        if quick or self.baud is not None:
            self._take(quick)

    def _prepare(self, held: int) -> None:
        termios.tcflush(self._master, termios.TCOFLUSH)
        settings = termios.tcgetattr(held)
        settings[_INPUT_FLAGS] = settings[_OUTPUT_FLAGS] = 0
        settings[_CONTROL_FLAGS] = termios.CS8 | termios.CREAD
        settings[_LOCAL_FLAGS] = _EXTPROC
        settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = termios.B50
        settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
        # With this also goes what the last client has not read.
        termios.tcsetattr(held, termios.TCSAFLUSH, settings)

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _packets(self) -> list[bytes]:
        packets: list[bytes] = []
        with contextlib.suppress(OSError):
            while len(packets) < MAX_WAITING:
                packets.append(os.read(self._master, READ_SIZE))
        return packets

    def _readable(self) -> None:
        try:
            packet = os.read(self._master, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            if not self.is_waiting:
                self._put(ClientLeft())
            self._hold()
            return
        self._take([packet])

    def _take(self, packets: list[bytes]) -> None:
        # First of all, since some programs repeat their settings at once.
        if any(packet[0] & _SETTINGS_CHANGED for packet in packets):
            self._leave_something_to_change()
        if self.is_waiting:
            self._let_go()
            self._put(ClientCame())
        for packet in packets:
            if packet[0] & _FLUSHED_READ:
                self._put(Purged())
            if packet[0] == _DATA and len(packet) > 1:
                self._put(Received(packet[1:], self.baud))

    def _put(self, event: PortEvent) -> None:
        self._events.append(event)
        self._changed.set()
        if len(self._events) >= MAX_WAITING and not self._is_paused and self._master >= 0:
            self._is_paused = True
            asyncio.get_running_loop().remove_reader(self._master)

    def _leave_something_to_change(self) -> None:
        # One call, so that nothing of what the client sets meanwhile is lost. It is announced too; then there is nothing to do.
        if termios.tcgetattr(self._master)[_CONTROL_FLAGS] & termios.CLOCAL:
            fcntl.ioctl(self._master, termios.TIOCSSOFTCAR, struct.pack("i", 0))
