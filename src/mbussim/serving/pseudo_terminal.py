"""The serial port of the converter: a pty behind a stable link (`mbusio.pseudo_terminal`)."""

import asyncio
from pathlib import Path
from typing import Final

from mbusio.pseudo_terminal import PseudoTerminal, Received
from mbussim.serving.converter import Converter

RATES: Final = frozenset((300, 600, 1200, 2400, 4800, 9600, 19200, 38400))


class SerialPort:
    """A pty under a link, until closed.

    :param baud: rate of the bus where the client's own is none of M-Bus.
    """

    def __init__(self, converter: Converter, link: Path, baud: int) -> None:
        self.link = link
        self._converter = converter
        self._baud = baud
        self._terminal = PseudoTerminal(link)
        self._sender: asyncio.Task[None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether nobody uses the port."""
        return self._terminal.is_waiting

    async def open(self) -> None:
        """Make the pty and its link; raise `OSError`, also where something else than a link is in the way."""
        self._terminal.open()
        self._converter.ports.add(self)
        self._sender = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Hang up and take the link away."""
        self._converter.ports.discard(self)
        if self._sender is not None:
            self._sender.cancel()
        self._terminal.close()

    def deliver(self, data: bytes) -> None:
        """Write to the client; what it does not read in time is lost, as in a UART."""
        self._terminal.write(data)

    async def _send(self) -> None:
        while True:
            event = await self._terminal.read()
            if isinstance(event, Received):
                await self._converter.send(event.data, event.baud if event.baud in RATES else self._baud)
