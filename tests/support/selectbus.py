"""A bus at the level of selections: who is selected, who answers, what several answers together look like.

Small on purpose: no bits, no time, no code of the simulator, so that it judges the search independently of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, TypeVar

from mbus.addressing import SecondaryAddress
from mbus.link.fields import REQ_UD2, SND_NKE, function_of
from mbus.link.frames import ACK, LongFrame
from mbus.link.transaction import Ack, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.counters import Counters
from mbus.procedures.steps import Note, Procedure, Request

Collisions = Literal["clean", "garbled", "filtered"]
T = TypeVar("T")
SHORT: Final = 27
"""Bytes of the shortest reading."""
USUAL: Final = 100
"""Bytes of the readings for which what a search costs is promised."""


def response(secondary: SecondaryAddress, primary: int = 0, reply_bytes: int = SHORT) -> LongFrame:
    """Give a reading with a long header; what is longer than its one volume is filled up."""
    data = secondary.to_bytes() + bytes.fromhex("010000000C1378563412")
    return LongFrame(0x08, primary, 0x72, data + b"\x2f" * (reply_bytes - SHORT))


def care(address: SecondaryAddress) -> tuple[int, int]:
    """Give mask and value of an address as numbers of 64 bits: zero bits of the mask are wildcards."""
    tail = [(address.manufacturer, 16), (address.version, 8), (address.medium, 8)]
    mask = value = 0
    for digit in address.identification:
        mask, value = mask << 4 | (0 if digit == "F" else 15), value << 4 | int(digit, 16)
    for number, size in tail:
        full = (1 << size) - 1
        mask, value = mask << size | (0 if number == full else full), value << size | number
    return mask, value & mask


@dataclass(slots=True)
class SelectBus:
    """Meters that are selected and read.

    :ivar collisions: several answers at once are a clean E5 and a garbled reply; garbled both; or a clean E5 and no reply.
    :ivar loss: probability that an answer which a single meter gives is lost.
    :ivar collided_loss: probability that an acknowledgement of several meters is lost.
    :ivar reply_bytes: length of a reading.
    :ivar frames: replies of particular meters where the ordinary one will not do.
    """

    meters: Iterable[SecondaryAddress]
    collisions: Collisions = "clean"
    loss: float = 0.0
    collided_loss: float = 0.0
    seed: int = 0
    reply_bytes: int = USUAL
    frames: dict[int, LongFrame] = field(default_factory=dict)
    trace: Callable[[Request, Outcome], None] | None = None
    _values: list[int] = field(default_factory=list)
    _replies: list[LongFrame] = field(default_factory=list)
    _selected: list[int] = field(default_factory=list)
    _random: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        for index, meter in enumerate(self.meters):
            self._values.append(care(meter)[1])
            self._replies.append(self.frames.get(index, response(meter, index % 251, self.reply_bytes)))

    def answer(self, request: Request) -> Outcome:
        """Carry out one transaction."""
        frame = request.frame
        if isinstance(frame, LongFrame):
            mask, value = care(SecondaryAddress.from_bytes(frame.data[:8]))
            self._selected = [index for index, meter in enumerate(self._values) if not (meter ^ value) & mask]
            return self._acknowledge()
        if function_of(frame.control) == SND_NKE:
            self._selected = []
            return Silence()
        assert function_of(frame.control) == REQ_UD2
        return self._respond()

    def _lost(self) -> bool:
        return self.loss > 0 and self._random.random() < self.loss

    def _acknowledge(self) -> Outcome:
        if not self._selected or (len(self._selected) == 1 and self._lost()):
            return Silence()
        if len(self._selected) > 1 and self.collided_loss and self._random.random() < self.collided_loss:
            return Silence()
        if len(self._selected) > 1 and self.collisions == "garbled":
            return Garbled(bytes((ACK, ACK)), Fault.COLLISION)
        return Ack()

    def _respond(self) -> Outcome:
        if not self._selected or (len(self._selected) == 1 and self._lost()):
            return Silence()
        if len(self._selected) == 1:
            return Reply(self._replies[self._selected[0]])
        if self.collisions == "filtered":
            return Silence()
        return Garbled(self._replies[self._selected[0]].to_bytes()[:-2] + b"\x00\x16", Fault.DAMAGED)


def drive(
    procedure: Procedure[T], bus: SelectBus, watch: Callable[[Note], None] | None = None
) -> tuple[T, Counters]:
    """Run a procedure on the model to its end."""
    counters = Counters()
    outcome: Outcome | None = None
    try:
        while True:
            step = procedure.send(outcome)
            outcome = None
            if isinstance(step, Request):
                outcome = bus.answer(step)
                counters.count(step, outcome)
                if bus.trace is not None:
                    bus.trace(step, outcome)
            elif isinstance(step, Note) and watch is not None:
                watch(step)
    except StopIteration as end:
        return end.value, counters
