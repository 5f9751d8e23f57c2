"""Faults that can be laid on a bus, and the text that names them.

``kind[=value][,meter=ADDRESS][,probability=P]``, for instance ``late=0.3,meter=5`` or ``checksum,probability=0.1``. ADDRESS is a
primary address or a secondary one with ``F`` as wildcard; without it the fault hits every meter.

==============  ===============================  ============================================================
kind            value                            what happens
==============  ===============================  ============================================================
``loss``        probability                      an answer of a single meter never arrives
``noise``       probability                      a few characters of nobody fall into the answer window
``late``        seconds (0.05)                   the answer begins so long after the answer window has closed
``slow``        seconds (0.03)                   the answer begins so much later, within the window
``dead``        –                                the meter neither hears nor answers; its load stays
``checksum``    –                                the checksum of the answer is wrong
``stuck-fcb``   –                                every counted request is taken for a repeat
``deaf``        baud rate                        the meter does not hear requests at this rate
``foreign``     –                                another meter's last reply comes instead of the one asked for
``echo``        –                                the converter returns what it sends
``one-break``   –                                the UART shows a line held at space by one zero, not many
``short``       –                                the wires touch: the bus is cut off
``overload``    mA (600)                         something foreign draws so much; the bus is cut off at 550
``heat``        °C (90)                          it is so hot around the driver; the bus is cut off at 85
``unplugged``   –                                the TCP port and the pty are gone
==============  ===============================  ============================================================
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from mbus.addressing import SecondaryAddress, parse_address
from mbus.errors import AddressError
from mbus.link import timing
from mbus.link.frames import LONG_START
from mbussim.disturbance import Answer, Disturbance, Loss
from mbussim.slave import Slave

MAX_NOISE: Final = 4
"""Characters of one burst of noise."""

Target = int | SecondaryAddress | None
"""Which meters a fault hits; None means all."""


class FaultError(ValueError):
    """Text that names no fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was asked for.

    :ivar value: of the kind's own unit.
    :ivar probability: of each single occasion, for the kinds that change answers.
    """

    kind: str
    value: float
    target: Target = None
    probability: float = 1.0

    @classmethod
    def from_text(cls, text: str) -> "Fault":
        """Read ``kind[=value][,meter=ADDRESS][,probability=P]``; raise `FaultError`."""
        first, *options = (part.strip() for part in text.split(","))
        kind, _, given = first.partition("=")
        if kind not in DEFAULTS:
            raise FaultError(f"{kind!r} is no fault: those are {', '.join(DEFAULTS)}")
        default = DEFAULTS[kind]
        if not given and default is None:
            raise FaultError(f"{kind} needs a value: {kind}=…")
        value = _number(given, kind) if given else float(default or 0)
        fault = cls(kind, value)
        for option in options:
            fault = fault._with(option)
        if kind in ("loss", "noise") and value > 1:
            raise FaultError(f"{kind} is a probability from 0 to 1, not {value:g}")
        return fault

    def _with(self, option: str) -> "Fault":
        name, _, text = option.partition("=")
        if name == "meter":
            try:
                return replace(self, target=parse_address(text))
            except AddressError as error:
                raise FaultError(str(error)) from None
        if name == "probability" and 0 <= (chance := _number(text, name)) <= 1:
            return replace(self, probability=chance)
        raise FaultError(f"{option!r} is neither meter=ADDRESS nor probability=0…1")

    def __str__(self) -> str:
        """The text that gives this fault again."""
        parts = [f"{self.kind}={self.value:g}"]
        if self.target is not None:
            parts.append(f"meter={self.target}")
        if self.probability < 1:
            parts.append(f"probability={self.probability:g}")
        return ",".join(parts)

    def hits(self, slave: Slave) -> bool:
        """Tell whether a meter is among those that this fault is meant for."""
        if self.target is None:
            return True
        if isinstance(self.target, int):
            return slave.meter.primary == self.target
        secondary = slave.meter.secondary
        return secondary is not None and self.target.matches(secondary)

    def disturbance(self) -> Disturbance | None:
        """Give what acts on the wire; None for kinds that act on slaves, on the driver or on the ports."""
        make = _DISTURBANCES.get(self.kind)
        return None if make is None else make(self)


DEFAULTS: Final[dict[str, float | None]] = {
    "loss": None,
    "noise": None,
    "late": 0.05,
    "slow": 0.03,
    "dead": 0,
    "checksum": 0,
    "stuck-fcb": 0,
    "deaf": None,
    "foreign": 0,
    "echo": 0,
    "one-break": 0,
    "short": 0,
    "overload": 600,
    "heat": 90,
    "unplugged": 0,
}
"""Every kind, and its value where none is given; None where one must be."""


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise FaultError(f"{name} needs a number, not {text!r}") from None
    if not 0 <= value <= 1e6:
        raise FaultError(f"{name} needs a number from 0 to a million, not {text}")
    return value


@dataclass(frozen=True, slots=True)
class _Deaf(Disturbance):
    fault: Fault

    def hears(self, slave: Slave, baud: int) -> bool:
        return not (self.fault.hits(slave) and (self.fault.kind == "dead" or baud == self.fault.value))


@dataclass(frozen=True, slots=True)
class _Echo(Disturbance):
    fault: Fault

    def echo(self, data: bytes, start: float, baud: int) -> list[Answer]:
        return [Answer(start, data, baud)]


@dataclass(frozen=True, slots=True)
class _Noise(Disturbance):
    fault: Fault

    def answers(
        self, answers: list[Answer], request_end: float, baud: int, chance: random.Random
    ) -> list[Answer]:
        if chance.random() >= self.fault.value:
            return answers
        data = chance.randbytes(chance.randint(1, MAX_NOISE))
        return [*answers, Answer(request_end + chance.random() * timing.answer_window(baud), data, baud)]


@dataclass(frozen=True, slots=True)
class _Changed(Disturbance):
    """Changes the answers of the meters that are hit, each with its probability."""

    fault: Fault
    change: Callable[[Fault, Answer, float], Answer]

    def answers(
        self, answers: list[Answer], request_end: float, baud: int, chance: random.Random
    ) -> list[Answer]:
        return [
            self.change(self.fault, answer, request_end) if self._is_hit(answer, chance) else answer
            for answer in answers
        ]

    def _is_hit(self, answer: Answer, chance: random.Random) -> bool:
        return (
            answer.slave is not None
            and self.fault.hits(answer.slave)
            and (self.fault.probability >= 1 or chance.random() < self.fault.probability)
        )


def _late(fault: Fault, answer: Answer, request_end: float) -> Answer:
    return replace(answer, start=request_end + timing.answer_window(answer.baud) + fault.value)


def _slow(fault: Fault, answer: Answer, request_end: float) -> Answer:
    latest = request_end + timing.answer_window(answer.baud) - timing.bits(1, answer.baud)
    return replace(answer, start=max(answer.start, min(answer.start + fault.value, latest)))


def _wrong_checksum(fault: Fault, answer: Answer, request_end: float) -> Answer:
    if answer.data[0] != LONG_START:
        return answer
    return replace(answer, data=answer.data[:-2] + bytes((answer.data[-2] ^ 0x55,)) + answer.data[-1:])


@dataclass(frozen=True, slots=True)
class _Foreign(Disturbance):
    """Keeps the last replies of different meters, and gives one of another meter."""

    fault: Fault
    recent: deque[Answer] = field(default_factory=lambda: deque(maxlen=8))

    def answers(
        self, answers: list[Answer], request_end: float, baud: int, chance: random.Random
    ) -> list[Answer]:
        return [self._exchanged(answer, chance) for answer in answers]

    def _exchanged(self, answer: Answer, chance: random.Random) -> Answer:
        if answer.data[0] != LONG_START:
            return answer
        others = [one for one in self.recent if one.slave is not answer.slave]
        self.recent.append(answer)
        hit = answer.slave is not None and self.fault.hits(answer.slave)
        if not others or not hit or chance.random() >= self.fault.probability:
            return answer
        return replace(answer, data=others[-1].data, slave=others[-1].slave)


_DISTURBANCES: Final[dict[str, Callable[[Fault], Disturbance]]] = {
    "loss": lambda fault: Loss(fault.value),
    "noise": _Noise,
    "late": lambda fault: _Changed(fault, _late),
    "slow": lambda fault: _Changed(fault, _slow),
    "dead": _Deaf,
    "deaf": _Deaf,
    "checksum": lambda fault: _Changed(fault, _wrong_checksum),
    "foreign": _Foreign,
    "echo": _Echo,
}
