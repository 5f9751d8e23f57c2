"""A line of the arbiter onto the simulated bus: every transaction takes the time that it would take on the wire."""

import asyncio
from collections.abc import Callable

from mbus.link.frames import ACK
from mbus.link.transaction import Ack, Garbled, Outcome, Reply
from mbus.procedures.steps import Request
from mbusio.errors import TransportClosedError
from mbussim.bus import Bus
from mbussim.virtual import VirtualMaster


class SimulatedLine:
    """What the arbiter needs of a line.

    :ivar sent: rate and bytes of everything that was on the wire.
    :ivar lost: the converter is gone.
    """

    def __init__(self, bus: Bus, baud: int = 2400) -> None:
        self.master = VirtualMaster(bus, baud)
        self.sent: list[tuple[int, str]] = []
        self.lost = False

    @property
    def baud(self) -> int:
        return self.master.baud

    @baud.setter
    def baud(self, baud: int) -> None:
        self.master.baud = baud

    async def transact(self, request: Request, *, on_bytes: Callable[[bytes], None] | None = None) -> Outcome:
        if self.lost:
            raise TransportClosedError("unplugged")
        loop = asyncio.get_running_loop()
        self.sent.append((self.baud, request.frame.to_bytes().hex(" ").upper()))
        self.master.now = max(self.master.now, loop.time())
        outcome = self.master.transact(request)
        await asyncio.sleep(max(0.0, self.master.now - loop.time()))
        data = _bytes_of(outcome)
        if on_bytes is not None and data:
            on_bytes(data)
        return outcome

    async def set_baud(self, baud: int) -> None:
        self.master.baud = baud
        self.master.now += 33 / baud


def _bytes_of(outcome: Outcome) -> bytes:
    match outcome:
        case Ack():
            return bytes((ACK,))
        case Reply():
            return outcome.frame.to_bytes()
        case Garbled(data):
            return data
        case _:
            return b""
