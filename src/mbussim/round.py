"""One reading round of known meters in virtual time, against the physical bound (MBUS.md 9.1).

The bound knows no software: request, 11 bit times, answer, 33 bit times of quiet for each meter; for one that is missing, as
many silent windows as there are tries.
"""

from dataclasses import dataclass

from mbus.addressing import LAST_PRIMARY, SELECTED
from mbus.errors import NoAnswerError
from mbus.link import timing
from mbus.link.frames import SHORT_LENGTH
from mbus.link.station import Stations
from mbus.procedures.read import read_primary, read_secondary
from mbus.procedures.steps import Procedure
from mbussim.bus import Bus
from mbussim.meter import Meter, plain_meters
from mbussim.population import population
from mbussim.virtual import run

SELECTION_LENGTH = 17


@dataclass(frozen=True, slots=True)
class Round:
    """What shall be read.

    :ivar meters: how many are asked, the missing ones among them.
    :ivar reply_bytes: length of each response, 15 to 261.
    :ivar missing: so many of them do not answer.
    """

    meters: int = 250
    baud: int = 2400
    reply_bytes: int = 100
    secondary: bool = False
    missing: int = 0
    tries: int = 3
    seed: int = 1

    def bound_seconds(self) -> float:
        """Give what the wire alone needs."""
        read = _exchange(SHORT_LENGTH, self.reply_bytes, self.baud)
        absent = _silence(SHORT_LENGTH, self.baud)
        if self.secondary:
            read += _exchange(SELECTION_LENGTH, 1, self.baud)
            absent = _silence(SELECTION_LENGTH, self.baud)
        return (self.meters - self.missing) * read + self.missing * self.tries * absent


def _exchange(sent: int, received: int, baud: int) -> float:
    return timing.bits(
        (sent + received) * timing.CHARACTER_BITS + timing.EARLIEST_ANSWER_BITS + timing.IDLE_BITS, baud
    )


def _silence(sent: int, baud: int) -> float:
    return timing.characters(sent, baud) + timing.answer_window(baud)


def read_all(meters: list[Meter], wanted: Round) -> Procedure[int]:
    """Read every meter once; return how many answered."""
    stations, answered = Stations(), 0
    # A known meter has been initialised earlier.
    for meter in meters:
        stations.initialised(meter.primary)
    for meter in meters:
        # A selection that fits nobody has deselected everybody: a missing meter leaves no doubt.
        stations.initialised(SELECTED)
        try:
            if wanted.secondary and meter.secondary is not None:
                yield from read_secondary(meter.secondary, stations, tries=wanted.tries)
            else:
                yield from read_primary(meter.primary, stations, tries=wanted.tries, initialise=False)
        except NoAnswerError:
            continue
        answered += 1
    return answered


def read_round(wanted: Round) -> dict[str, object]:
    """Run a round; raise `ValueError` for what cannot be."""
    if not 1 <= wanted.meters <= (1250 if wanted.secondary else LAST_PRIMARY):
        raise ValueError(f"a round reads 1 to {LAST_PRIMARY} meters by primary address")
    if not 0 <= wanted.missing <= wanted.meters:
        raise ValueError("no more meters can be missing than there are")
    meters: list[Meter] = list(
        plain_meters(population(wanted.meters, "random", wanted.seed), reply_bytes=wanted.reply_bytes)
    )
    if len(meters[0].reading(0)[0].to_bytes()) != wanted.reply_bytes:
        raise ValueError("a response has 28 to 261 bytes")
    bus = Bus.of(meters[wanted.missing :], seed=wanted.seed)
    result = run(read_all(meters, wanted), bus, baud=wanted.baud)
    bound = wanted.bound_seconds()
    return {
        "meters": wanted.meters,
        "answered": result.result,
        "baud": wanted.baud,
        "reply_bytes": wanted.reply_bytes,
        "bus_seconds": round(result.bus_seconds, 3),
        "bound_seconds": round(bound, 3),
        "ratio": round(result.bus_seconds / bound, 4),
    }
