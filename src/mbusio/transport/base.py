"""The contract of a transport: a byte pipe to a bus, used once."""

from abc import ABC, abstractmethod
from typing import Final

from mbus.link.transaction import LOCAL_GAP
from mbusio.errors import ModemLinesError

DEFAULT_BAUD: Final = 2400
READ_SIZE: Final = 4096
"""At most so many bytes come from one `read`."""
UNREAD_LIMIT: Final = 65_536
"""Bytes that wait in memory for a reader; more are held back at the source where it can be held back, else dropped."""


class Transport(ABC):
    """A byte pipe to a bus.

    It is open when it exists and never opens again: whoever wants to reconnect makes another one. `read` has one reader at a
    time. After `close`, or once the other end is gone, `read` still gives what had arrived and then raises
    `TransportClosedError`; so does every `write`.

    :ivar name: how a message names it.
    :ivar baud: the rate on the bus, as far as this side knows it.
    :ivar allowance: seconds that this path may add to the standard's answer window.
    :ivar adaptive: whether `allowance` is only a beginning, to be corrected by what is seen (`mbusio.allowance`).
    :ivar gap: longest pause, in seconds, that this path may make inside an answer.
    :ivar switches_baud: whether `set_baud` reaches the wire; where it does not, `baud` is what the caller says it is.
    """

    allowance: float = 0.050
    adaptive: bool = False
    gap: float = LOCAL_GAP
    switches_baud: bool = True

    def __init__(self, name: str, baud: int = DEFAULT_BAUD) -> None:
        self.name = name
        self.baud = baud

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Hand over all bytes; a serial port returns when the last one has left the UART.

        Raise `TransportClosedError` when they cannot be handed over.
        """

    @abstractmethod
    async def read(self) -> bytes:
        """Give the bytes that have come, at least one, waiting for it; raise `TransportClosedError` at the end."""

    async def set_baud(self, baud: int) -> None:
        """Use another rate from now on; raise `BaudError` or `TransportClosedError` when that fails."""
        self.baud = baud

    async def modem_lines(self) -> frozenset[str]:
        """Tell which of ``cts``, ``dsr``, ``dcd``, ``ri`` are on; raise `ModemLinesError`, always where there are none."""
        raise ModemLinesError(f"{self.name} has no modem lines")

    async def set_modem_line(self, line: str, on: bool) -> None:
        """Switch ``dtr`` or ``rts``; raise `ModemLinesError`, always where there are none."""
        raise ModemLinesError(f"{self.name} has no modem lines")

    @abstractmethod
    async def close(self) -> None:
        """Close; wakes a waiting reader. Closing twice does nothing."""
