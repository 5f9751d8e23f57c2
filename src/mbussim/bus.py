"""The wire: who hears a request, and who answers when (MBUS.md 1.1 to 1.4, 3.4).

Time is an argument, in seconds of the caller's clock. `Bus.transmit` puts the master's characters on the wire; every slave that
can hear them decides, and its answer is laid into the future. `Bus.receive` gives what the master's UART has read. The wire is
full duplex: the master speaks by voltage, slaves by current; but a slave that is sending does not listen.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Final

from mbus.addressing import BROADCAST
from mbus.errors import FrameError
from mbus.link import timing
from mbus.link.decoder import StreamDecoder
from mbus.link.fields import is_from_master
from mbus.link.frames import LongFrame, ShortFrame, expected_length
from mbussim.disturbance import Answer, Disturbance, Loss
from mbussim.electrics import Electrics
from mbussim.meter import Meter
from mbussim.rates import BAUD_CI, RateSwitches
from mbussim.receiver import Heard, Receiver
from mbussim.slave import ACKNOWLEDGE, Selection, Slave
from mbussim.uart import Parity

LONGEST_GAP: Final = 0.050
"""Seconds of quiet inside a request that slaves tolerate; the wire allows none, converters make some."""


class Collisions(StrEnum):
    """What becomes of several answers to one request."""

    CLEAN = "clean"
    """Acknowledgements begin at the same instant and add up to one sound E5."""
    GARBLED = "garbled"
    """Acknowledgements begin at slightly different times and overlap."""
    FILTERED = "filtered"
    """A gateway stands in between: it passes one E5 for several and swallows replies that collide."""


@dataclass(slots=True)
class Traffic:
    """What has happened on a bus."""

    requests: int = 0
    answers: int = 0
    collisions: int = 0
    characters_sent: int = 0
    characters_heard: int = 0

    def as_dict(self) -> dict[str, int]:
        """Give the counts by name."""
        return asdict(self)


@dataclass(slots=True)
class Bus:
    """Slaves on two wires.

    :ivar slaves: in any order.
    :ivar seed: of everything that chance decides.
    :ivar disturbances: faults in effect.
    """

    slaves: list[Slave]
    collisions: Collisions = Collisions.GARBLED
    seed: int = 0
    disturbances: list[Disturbance] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    electrics: Electrics = field(default_factory=Electrics)
    _receiver: Receiver = field(default_factory=Receiver)
    _switches: RateSwitches = field(default_factory=RateSwitches)
    _chance: random.Random = field(init=False)
    _decoder: StreamDecoder = field(default_factory=StreamDecoder)
    _sent_until: float = float("-inf")
    _sent_baud: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311

    @classmethod
    def of(
        cls,
        meters: Iterable[Meter],
        *,
        collisions: Collisions | str = Collisions.GARBLED,
        loss: float = 0.0,
        seed: int = 0,
    ) -> "Bus":
        """Connect meters.

        :param loss: probability that an answer which one meter alone sends is lost on the way.
        """
        bus = cls([Slave(meter) for meter in meters], Collisions(collisions), seed)
        if loss:
            bus.disturbances.append(Loss(loss))
        return bus

    @property
    def meters(self) -> list[Meter]:
        """The meters that are connected."""
        return [slave.meter for slave in self.slaves]

    @property
    def rate(self) -> int:
        """Baud rate of the master's UART."""
        return self._receiver.rate

    def set_break(self, *, repeats: bool) -> None:
        """Say whether the master's UART shows a line that is held at space by many zeros or by one."""
        self._receiver.repeats_break = repeats

    def transmit(self, data: bytes, at: float, baud: int, parity: Parity = "E") -> float:
        """Send the master's characters one after the other, from `at` or when the last ones are out; return their end."""
        self._receiver.listen(baud, parity)
        start = max(at, self._sent_until)
        gap = max(timing.idle(baud), LONGEST_GAP)
        if start > self._sent_until + gap or baud != self._sent_baud:
            # Slaves give up an unfinished frame when the line falls idle.
            self._decoder = StreamDecoder()
        self._sent_until, self._sent_baud = start + timing.characters(len(data), baud), baud
        self.traffic.characters_sent += len(data)
        for disturbance in self.disturbances:
            self._receiver.add(disturbance.echo(data, start, baud))
        if parity == "E":
            for frame, end in self._frames(data, start, baud):
                self._offer(frame, end, baud)
        return self._sent_until

    def next_span(self) -> tuple[float, float] | None:
        """Tell when the first and the last of the next unread characters up to a gap will be complete, None for no answer."""
        return self._receiver.next_span()

    def take(self) -> Heard | None:
        """Give the next unread characters up to a gap, whenever they come; None when no answer is on its way."""
        piece = self._receiver.take()
        self.traffic.characters_heard += len(piece.data) if piece else 0
        return piece

    def receive(self, until: float) -> list[Heard]:
        """Give the characters that are complete at `until` and were not given before."""
        given = self._receiver.receive(until)
        self.traffic.characters_heard += sum(len(piece.data) for piece in given)
        return given

    def milliamperes(self, now: float) -> float:
        """Give the current that the master delivers: idle loads, and whoever sends a space, averaged over a character."""
        sending = [answer.slave for answer in self._receiver.on_the_wire if answer.start <= now < answer.end]
        return self.electrics.current(
            (slave.meter.traits for slave in self.slaves), (slave.meter.traits for slave in sending if slave)
        )

    def lose_power(self) -> None:
        """Switch the bus off: slaves forget their link state, and what they were sending ends."""
        for slave in self.slaves:
            slave.lose_power()
        self._receiver.clear()

    def _frames(self, data: bytes, start: float, baud: int) -> Iterator[tuple[ShortFrame | LongFrame, float]]:
        """Give each frame of the master that these characters complete, and when it ends."""
        # A whole frame at once is the rule; otherwise each character is looked at, to know when a frame ends.
        whole = not self._decoder.pending and len(data) == _length_of(data)
        size = len(data) if whole else 1
        for index in range(0, len(data), size):
            for event in self._decoder.feed(data[index : index + size]):
                if isinstance(event, ShortFrame | LongFrame) and is_from_master(event.control):
                    yield event, start + timing.characters(index + size, baud)

    def _offer(self, frame: ShortFrame | LongFrame, end: float, baud: int) -> None:
        """Let every slave that can hear it decide about a frame that ends at `end`."""
        self.traffic.requests += 1
        if self.electrics.is_off:
            return
        start = end - timing.characters(len(frame.to_bytes()), baud)
        self._receiver.forget_old(start)
        self._switches.heard(baud, start)
        listeners = self._listeners(start, end, baud)
        selection = Selection.of(frame)
        if selection is not None:
            given = [(slave, ACKNOWLEDGE) for slave in listeners if slave.select(selection)]
        else:
            heard = ((slave, slave.hear(frame, end)) for slave in listeners)
            given = [(slave, answer) for slave, answer in heard if answer is not None]
        if isinstance(frame, LongFrame) and frame.ci in BAUD_CI:
            told = listeners if frame.address == BROADCAST else [slave for slave, _ in given]
            self._switches.told(told, baud, BAUD_CI[frame.ci], end)
        if given or self.disturbances:
            answers = self._arrange(given, end, baud)
            for disturbance in self.disturbances:
                answers = disturbance.answers(answers, end, baud, self._chance)
            self._receiver.add(answers)

    def _listeners(self, start: float, end: float, baud: int) -> list[Slave]:
        """Give the slaves that understand a request: at this rate, not sending themselves, not kept from it by a fault."""
        busy = {
            answer.slave for answer in self._receiver.on_the_wire if answer.start < end and answer.end > start
        }
        listeners = [
            slave
            for slave in self.slaves
            if baud in slave.meter.traits.rates and not slave.is_muted and slave not in busy
        ]
        for disturbance in self.disturbances:
            listeners = [slave for slave in listeners if disturbance.hears(slave, baud)]
        return listeners

    def _arrange(self, given: list[tuple[Slave, bytes]], end: float, baud: int) -> list[Answer]:
        """Give each answer its time, and carry out what collisions are asked to look like."""
        self.traffic.answers += len(given)
        answers = [
            Answer(end + slave.meter.traits.answer_delay(baud, self._chance.random()), data, baud, slave)
            for slave, data in given
        ]
        if len(answers) < 2:
            return answers
        self.traffic.collisions += 1
        acknowledgements = all(answer.data == ACKNOWLEDGE for answer in answers)
        first = min(answer.start for answer in answers)
        if self.collisions is Collisions.FILTERED:
            return [replace(answers[0], start=first)] if acknowledgements else []
        if not acknowledgements:
            return answers
        if self.collisions is Collisions.CLEAN:
            return [replace(answer, start=first) for answer in answers]
        latest = end + timing.answer_window(baud) - timing.bits(1, baud)
        spread = min(timing.characters(1, baud), latest - first)
        return [replace(answer, start=first + self._chance.random() * spread) for answer in answers]


def _length_of(data: bytes) -> int:
    """Tell how long the frame that begins here is; -1 where none does."""
    try:
        return expected_length(data)
    except FrameError:
        return -1
