"""What the master's UART reads of the answers on the wire, and when (EN 13757-2; MBUS.md 1.1, 1.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mbus.link import timing
from mbussim import uart
from mbussim.disturbance import Answer
from mbussim.uart import SAMPLES, Parity

TOLERANCE: Final = 1e-6
"""Seconds below which two times are the same: sums of bit times differ in their last digits, and no character is that short."""
LONGEST_MEMORY: Final = 30.0
"""Seconds after which an answer is forgotten even on a line that never falls quiet."""


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
class Receiver:
    """Keeps the answers of a bus until they are read; answers may be laid into the future.

    :ivar repeats_break: as in `mbussim.uart.read`.
    """

    rate: int = 2400
    parity: Parity = "E"
    repeats_break: bool = True
    _answers: list[Answer] = field(default_factory=list)
    _pieces: list[Heard] | None = None
    _heard_until: float = float("-inf")

    @property
    def on_the_wire(self) -> Sequence[Answer]:
        """Answers that are being sent or will be, as far as they are decided."""
        return self._answers

    def listen(self, rate: int, parity: Parity) -> None:
        """Set the UART; what is on the wire and not yet read is read so."""
        if (rate, parity) != (self.rate, self.parity):
            self.rate, self.parity = rate, parity
            self._pieces = None

    def add(self, answers: Iterable[Answer]) -> None:
        """Lay answers on the wire."""
        before = len(self._answers)
        self._answers += answers
        if len(self._answers) > before:
            self._pieces = None

    def clear(self) -> None:
        """End whatever is being sent."""
        self._answers.clear()
        self._pieces = None

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
        return given

    def take(self) -> Heard | None:
        """Give the next unread characters up to a gap, whenever they come; None when no answer is on its way."""
        pieces = self._read()
        if not pieces:
            return None
        piece = pieces.pop(0)
        self._heard_until = max(self._heard_until, piece.last)
        return piece

    def forget_old(self, now: float) -> None:
        """Drop answers that nothing unread can depend on any more."""
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
        step = timing.characters(1, self.rate)
        same = all(
            one.baud == self.rate and one.start == first.start and one.data == first.data for one in burst
        )
        if same and self.parity == "E":
            whole = Heard(first.data, first.start + step, step)
            rest = whole.split(self._heard_until)[1]
            return [rest] if rest else []
        return [
            piece
            for piece in _pieces(self._characters(burst), first.start, self.rate)
            if piece.first > self._heard_until + TOLERANCE
        ]

    def _characters(self, burst: list[Answer]) -> list[uart.Character]:
        return uart.read(self._superposed(burst), self.parity, repeats_break=self.repeats_break)

    def _superposed(self, burst: list[Answer]) -> uart.Levels:
        origin = burst[0].start
        return uart.superpose(
            (
                round((one.start - origin) * self.rate * SAMPLES),
                uart.levels(one.data)
                if one.baud == self.rate
                else uart.levels_at_other_rate(one.data, one.baud, self.rate),
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
