"""A small bus for tests of sharing: strict meters that remember one master, behind a line without bits.

Written apart from the simulator, so that it judges the arbiter independently of it.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mbus.addressing import BROADCAST, SELECTED, SecondaryAddress
from mbus.link.fields import FCB, REQ_UD2, SND_NKE, counts, function_of
from mbus.link.frames import ACK, LongFrame, ShortFrame
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.steps import Request


def mask(identification: str) -> SecondaryAddress:
    return SecondaryAddress(identification)


def select(identification: str) -> LongFrame:
    return LongFrame(0x53, SELECTED, 0x52, mask(identification).to_bytes())


def nke(address: int) -> ShortFrame:
    return ShortFrame(SND_NKE, address)


def req(address: int, fcb: int) -> ShortFrame:
    return ShortFrame(REQ_UD2 | (FCB if fcb else 0), address)


@dataclass
class StrictMeter:
    """Has one frame count bit for its primary address and FD, and answers with as many telegrams as told.

    :ivar acknowledges: SND_NKE gets an E5.
    :ivar deaf_to: these frames never reach it.
    """

    primary: int
    identification: str
    telegrams: int = 1
    acknowledges: bool = True
    selected: bool = False
    bit: bool | None = None
    next_telegram: int = 0
    answer: bytes = b""
    deaf_to: list[bytes] = field(default_factory=list)

    def telegram(self, number: int) -> bytes:
        """Give telegram `number`, from 0: a header, one record that holds the number, and 1F if more follow."""
        header = SecondaryAddress(self.identification, 0x2C2D, 1, 4).to_bytes() + bytes(4)
        end = b"\x1f" if number + 1 < self.telegrams else b""
        return LongFrame(0x08, self.primary, 0x72, header + bytes((0x01, 0x13, number)) + end).to_bytes()

    def hear(self, frame: ShortFrame | LongFrame) -> bytes:
        if frame.to_bytes() in self.deaf_to:
            return b""
        if isinstance(frame, LongFrame) and frame.ci == 0x52:
            wanted = SecondaryAddress.from_bytes(frame.data)
            self.selected = wanted.matches(SecondaryAddress(self.identification, 0x2C2D, 1, 4))
            if self.selected:
                self._forget()
            return bytes((ACK,)) if self.selected else b""
        if frame.address != self.primary and not (
            frame.address == BROADCAST or (frame.address == SELECTED and self.selected)
        ):
            return b""
        if function_of(frame.control) == SND_NKE:
            self._forget()
            self.selected = False
            return bytes((ACK,)) if frame.address != BROADCAST and self.acknowledges else b""
        return self._counted(frame) if counts(frame.control) else b""

    def _counted(self, frame: ShortFrame | LongFrame) -> bytes:
        bit = bool(frame.control & FCB)
        if bit != self.bit or not self.answer:
            self.bit = bit
            if isinstance(frame, LongFrame):
                self.answer = bytes((ACK,))
                self.next_telegram = 0
            else:
                self.answer = self.telegram(self.next_telegram)
                self.next_telegram = (self.next_telegram + 1) % self.telegrams
        return self.answer

    def _forget(self) -> None:
        self.bit = None
        self.next_telegram = 0
        self.answer = b""


class SharedBus:
    """A line to strict meters; every transaction takes `seconds`.

    :ivar sent: the frames that were on the wire.
    :ivar answers: outcomes that replace the next ones.
    """

    def __init__(self, meters: Iterable[StrictMeter] = (), seconds: float = 0.05) -> None:
        self.meters = list(meters)
        self.seconds = seconds
        self.baud = 2400
        self.sent: list[bytes] = []
        self.answers: list[tuple[bytes, Outcome]] = []
        self.error: Exception | None = None

    async def transact(self, request: Request, *, on_bytes: Callable[[bytes], None] | None = None) -> Outcome:
        self.sent.append(request.frame.to_bytes())
        await asyncio.sleep(self.seconds / 2)
        if self.error is not None:
            raise self.error
        data, outcome = self.answers.pop(0) if self.answers else self._answer(request)
        for byte in data:
            if on_bytes is not None:
                on_bytes(bytes((byte,)))
        await asyncio.sleep(self.seconds / 2)
        return outcome

    async def set_baud(self, baud: int) -> None:
        self.baud = baud

    def _answer(self, request: Request) -> tuple[bytes, Outcome]:
        answers = [answer for meter in self.meters if (answer := meter.hear(request.frame))]
        if not answers or request.expects is Expects.NOTHING:
            return b"", Silence()
        if len(answers) > 1 and set(answers) != {b"\xe5"}:
            return b"\x00\x00", Garbled(b"\x00\x00", Fault.COLLISION)
        data = answers[0]
        return data, Ack() if data == b"\xe5" else Reply(_long(data))


def _long(data: bytes) -> LongFrame:
    return LongFrame(data[4], data[5], data[6], data[7:-2])
