"""The wire: who hears a request, who answers when, and what a receiver reads when several answer (MBUS.md 1.1 to 1.4, 3.4).

Time is an argument, in seconds of the caller's clock. `Bus.transmit` puts the master's characters on the wire; every slave that
can hear them decides, and its answer is laid into the future. `Bus.receive` gives what the master's UART has read. The wire is
full duplex: the master speaks by voltage, slaves by current; but a slave that is sending does not listen.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Final

from mbus.addressing import SELECTED
from mbus.link import timing
from mbus.link.decoder import StreamDecoder
from mbus.link.fields import is_from_master
from mbus.link.frames import LongFrame, ShortFrame
from mbussim import uart
from mbussim.disturbance import Answer, Disturbance, Loss
from mbussim.electrics import Electrics
from mbussim.meter import Meter
from mbussim.slave import ACKNOWLEDGE, SELECTION_CI, Selection, Slave
from mbussim.uart import SAMPLES, Parity

TOLERANCE: Final = 1e-6
"""Seconds below which two times are the same: sums of bit times differ in their last digits, and no character is that short."""


LONGEST_GAP: Final = 0.050
"""Seconds of quiet inside a request that slaves tolerate; the wire allows none, converters make some."""
LONGEST_MEMORY: Final = 30.0
"""Seconds after which an answer is forgotten even on a line that never falls quiet."""


class Collisions(StrEnum):
    """What becomes of several answers to one request."""

    CLEAN = "clean"
    """Acknowledgements begin at the same instant and add up to one sound E5."""
    GARBLED = "garbled"
    """Acknowledgements begin at slightly different times and overlap."""
    FILTERED = "filtered"
    """A gateway stands in between: it passes one E5 for several and swallows replies that collide."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Characters without gaps, as the master's UART reads them.

    :ivar data: at least one character.
    :ivar first: seconds at which the first of them is complete.
    :ivar step: seconds from one to the next.
    :ivar bad: a parity or framing error, in each of these characters.
    """

    data: bytes
    first: float
    step: float
    bad: bool = False

    @property
    def last(self) -> float:
        """Seconds at which the last character is complete."""
        return self.first + (len(self.data) - 1) * self.step

    def split(self, until: float) -> tuple["Heard | None", "Heard | None"]:
        """Part into what is complete at `until` and the rest."""
        until += TOLERANCE
        if self.last <= until:
            return self, None
        if self.first > until:
            return None, self
        count = min(int((until - self.first) / self.step) + 1, len(self.data) - 1)
        rest = Heard(self.data[count:], self.first + count * self.step, self.step, self.bad)
        return replace(self, data=self.data[:count]), rest


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
    _chance: random.Random = field(init=False)
    _decoder: StreamDecoder = field(default_factory=StreamDecoder)
    _sent_until: float = float("-inf")
    _sent_baud: int = 0
    _rate: int = 2400
    _parity: Parity = "E"
    _answers: list[Answer] = field(default_factory=list)
    _pieces: list[Heard] | None = None
    _heard_until: float = float("-inf")

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
    def on_the_wire(self) -> Sequence[Answer]:
        """Answers that are being sent or will be, as far as they are decided."""
        return self._answers

    @property
    def rate(self) -> int:
        """Baud rate of the master's UART."""
        return self._rate

    def listen(self, baud: int, parity: Parity = "E") -> None:
        """Set the master's UART; what is on the wire and not yet read is read so."""
        if (baud, parity) != (self._rate, self._parity):
            self._rate, self._parity = baud, parity
            self._pieces = None

    def transmit(self, data: bytes, at: float, baud: int, parity: Parity = "E") -> float:
        """Send the master's characters one after the other, from `at` or when the last ones are out; return their end."""
        self.listen(baud, parity)
        start = max(at, self._sent_until)
        gap = max(timing.idle(baud), LONGEST_GAP)
        if start > self._sent_until + gap or baud != self._sent_baud:
            # Slaves give up an unfinished frame when the line falls idle.
            self._decoder = StreamDecoder()
        self.traffic.characters_sent += len(data)
        end = start + timing.characters(len(data), baud)
        self._sent_until, self._sent_baud = end, baud
        for disturbance in self.disturbances:
            self._add(disturbance.echo(data, start, baud))
        if parity != "E":
            return end
        for index in range(len(data)) if self._decoder.pending else (None,):
            piece, piece_end = (
                (data, end)
                if index is None
                else (data[index : index + 1], start + timing.characters(index + 1, baud))
            )
            for event in self._decoder.feed(piece):
                if isinstance(event, ShortFrame | LongFrame) and is_from_master(event.control):
                    self._offer(event, piece_end, baud)
        return end

    def next_time(self) -> float | None:
        """Tell when the next unread character will be complete; None when no answer is on its way."""
        pieces = self._read()
        return pieces[0].first if pieces else None

    def next_span(self) -> tuple[float, float] | None:
        """Tell when the first and the last of the next unread characters up to a gap will be complete."""
        pieces = self._read()
        return (pieces[0].first, pieces[0].last) if pieces else None

    def receive(self, until: float) -> list[Heard]:
        """Give the characters that are complete at `until` and were not given before."""
        pieces = self._read()
        given: list[Heard] = []
        while pieces and pieces[0].first <= until + TOLERANCE:
            done, rest = pieces[0].split(until)
            pieces[:1] = [rest] if rest else []
            if done:
                given.append(done)
        self._heard_until = max(self._heard_until, until)
        self.traffic.characters_heard += sum(len(piece.data) for piece in given)
        return given

    def take(self) -> Heard | None:
        """Give the next unread characters up to a gap, whenever they come; None when no answer is on its way."""
        pieces = self._read()
        if not pieces:
            return None
        piece = pieces.pop(0)
        self._heard_until = max(self._heard_until, piece.last)
        self.traffic.characters_heard += len(piece.data)
        return piece

    def milliamperes(self, now: float) -> float:
        """Give the current that the master delivers: idle loads, and whoever sends a space, averaged over a character."""
        sending = [answer.slave for answer in self._answers if answer.start <= now < answer.end]
        return self.electrics.current(
            (slave.meter.traits for slave in self.slaves), (slave.meter.traits for slave in sending if slave)
        )

    def lose_power(self) -> None:
        """Switch the bus off: slaves forget their link state, and what they were sending ends."""
        for slave in self.slaves:
            slave.lose_power()
        self._answers.clear()
        self._pieces = None

    def _offer(self, frame: ShortFrame | LongFrame, end: float, baud: int) -> None:
        """Let every slave that can hear it decide about a frame that ends at `end`."""
        self.traffic.requests += 1
        if self.electrics.is_off:
            return
        start = end - timing.characters(len(frame.to_bytes()), baud)
        self._forget_old(start)
        busy = {answer.slave for answer in self._answers if answer.start < end and answer.end > start}
        listeners = [
            slave
            for slave in self.slaves
            if baud in slave.meter.traits.rates and not slave.is_muted and slave not in busy
        ]
        for disturbance in self.disturbances:
            listeners = [slave for slave in listeners if disturbance.hears(slave, baud)]
        given: list[tuple[Slave, bytes]] = []
        selection = Selection.of(frame)
        if selection is not None:
            given = [(slave, ACKNOWLEDGE) for slave in listeners if slave.select(selection)]
        elif not (frame.address == SELECTED and isinstance(frame, LongFrame) and frame.ci == SELECTION_CI):
            for slave in listeners:
                answer = slave.hear(frame, end)
                if answer is not None:
                    given.append((slave, answer))
        if given or self.disturbances:
            answers = self._arrange(given, end, baud)
            for disturbance in self.disturbances:
                answers = disturbance.answers(answers, end, baud, self._chance)
            self._add(answers)

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
        spread = timing.characters(1, baud)
        return [replace(answer, start=first + self._chance.random() * spread) for answer in answers]

    def _add(self, answers: list[Answer]) -> None:
        if answers:
            self._answers += answers
            self._pieces = None

    def _forget_old(self, now: float) -> None:
        if not self._answers:
            return
        if max(answer.end for answer in self._answers) <= min(now, self._heard_until) + TOLERANCE:
            self._answers.clear()
        else:
            # Somebody still speaks, and who spoke before may reach into what is unread.
            self._answers = [answer for answer in self._answers if answer.end > now - LONGEST_MEMORY]

    def _read(self) -> list[Heard]:
        """Decode what is on the wire and unread. A UART is causal: what it has read no later answer can change."""
        if self._pieces is None:
            self._pieces = []
            for burst in _bursts(self._answers):
                if any(one.end > self._heard_until + TOLERANCE for one in burst):
                    self._pieces += self._decode(burst)
        return self._pieces

    def _decode(self, burst: list[Answer]) -> list[Heard]:
        first = burst[0]
        step = timing.characters(1, self._rate)
        same = all(
            one.baud == self._rate and one.start == first.start and one.data == first.data for one in burst
        )
        if same and self._parity == "E":
            whole = Heard(first.data, first.start + step, step)
            rest = whole.split(self._heard_until)[1]
            return [rest] if rest else []
        return [
            piece
            for piece in _pieces(uart.read(self._superposed(burst), self._parity), first.start, self._rate)
            if piece.first > self._heard_until + TOLERANCE
        ]

    def _superposed(self, burst: list[Answer]) -> uart.Levels:
        origin = burst[0].start
        return uart.superpose(
            (
                round((one.start - origin) * self._rate * SAMPLES),
                uart.levels(one.data)
                if one.baud == self._rate
                else uart.levels_at_other_rate(one.data, one.baud, self._rate),
            )
            for one in burst
        )


def _bursts(answers: list[Answer]) -> list[list[Answer]]:
    """Group answers that overlap or touch, in the order of time."""
    bursts: list[list[Answer]] = []
    end = float("-inf")
    for answer in sorted(answers, key=lambda one: one.start):
        if answer.start > end:
            bursts.append([])
        bursts[-1].append(answer)
        end = max(end, answer.end)
    return bursts


def _pieces(characters: list[uart.Character], origin: float, baud: int) -> list[Heard]:
    """Give each character its time; collided ones stand alone, their distances are irregular."""
    step = timing.characters(1, baud)
    sample = 1 / (baud * SAMPLES)
    return [Heard(bytes((one.value,)), origin + one.end * sample, step, one.bad) for one in characters]
