"""Counters per meter: how often it was asked, how often it answered, what went wrong."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.link.transaction import Ack, Garbled, Reply, Silence
from mbus.procedures.steps import Expects
from mbusmaster.bus.answers import are_apart
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.stations import MeterName, Station

MAX_METERS: Final = 500


@dataclass(slots=True)
class MeterCounters:
    """What was seen of one meter since the master started; everything that was asked of it counts, by whomever.

    :ivar primary: its primary address, where it is known.
    :ivar secondary: its secondary address, or the mask by which it is asked.
    :ivar requests: transactions with it that wanted an answer.
    :ivar answers: sound ones, acknowledgements too.
    :ivar retries: requests that repeated one without a sound answer.
    :ivar silences: requests without any answer.
    :ivar garbled: answers that were none, by what was wrong with them.
    :ivar last_asked: UTC.
    :ivar last_answered: UTC; None when it never did.
    :ivar mean_seconds: of the transactions that were answered, quiet after them included; None when none was.
    """

    primary: int | None
    secondary: SecondaryAddress | None
    requests: int = 0
    answers: int = 0
    retries: int = 0
    silences: int = 0
    garbled: Counter[str] = field(default_factory=Counter)
    last_asked: datetime | None = None
    last_answered: datetime | None = None
    mean_seconds: float | None = None


@dataclass(slots=True)
class _Row:
    counters: MeterCounters
    unanswered: bytes = b""


class Meters:
    """The counters of all meters of a bus, `MAX_METERS` at most: the one that was not asked for longest goes first.

    A search asks many addresses at which nobody is, so those that never answered go before all others.
    """

    def __init__(self, limit: int = MAX_METERS) -> None:
        self._limit = limit
        self._rows: OrderedDict[int | str, _Row] = OrderedDict()

    def all(self) -> tuple[MeterCounters, ...]:
        """Give copies, the meter that was asked last at the end."""
        return tuple(_copy(row.counters) for row in self._rows.values())

    def of(self, name: MeterName) -> tuple[MeterCounters, ...]:
        """Give what is known of a meter: a row for each way in which it is asked."""
        return tuple(
            _copy(row.counters)
            for row in self._rows.values()
            if Station(row.counters.primary, row.counters.secondary).is_meter(name)
        )

    def clear(self) -> None:
        """Begin anew."""
        self._rows.clear()

    def carried(self, carried: Carried, station: Station, at: datetime) -> None:
        """A transaction with `station` has ended at `at`."""
        if not station.is_one or carried.request.expects is Expects.NOTHING:
            return
        row = self._row(carried, station)
        counters, frame = row.counters, carried.request.frame.to_bytes()
        counters.requests += 1
        counters.retries += frame == row.unanswered
        counters.last_asked = at
        row.unanswered = b""
        match carried.outcome:
            case Ack() | Reply():
                counters.answers += 1
                counters.last_answered = at
                mean = counters.mean_seconds or 0.0
                counters.mean_seconds = mean + (carried.seconds - mean) / counters.answers
            case Silence():
                counters.silences += 1
                row.unanswered = frame
            case Garbled(_, why):
                counters.garbled[why] += 1
                row.unanswered = frame

    def _row(self, carried: Carried, station: Station) -> _Row:
        by_primary = station.primary if carried.request.frame.address == station.primary else None
        key = self._key(station.secondary) if by_primary is None else by_primary
        assert key is not None, "a station that is one has an address"
        row = self._rows.get(key)
        if row is None:
            self._make_room()
            row = self._rows[key] = _Row(MeterCounters(station.primary, station.secondary))
        self._rows.move_to_end(key)
        if isinstance(carried.outcome, Reply):
            row.counters.primary, row.counters.secondary = station.primary, station.secondary
        return row

    def _key(self, secondary: SecondaryAddress | None) -> str | None:
        if secondary is None:
            return None
        if not secondary.is_unique:
            # A mask that leaves manufacturer or version open means the meter that has answered to it.
            for key, row in self._rows.items():
                known = row.counters.secondary
                if isinstance(key, str) and known is not None and not are_apart(known, secondary):
                    return key
        else:
            self._name_fully(secondary)
        return str(secondary)

    def _name_fully(self, secondary: SecondaryAddress) -> None:
        """A meter that was asked by its digits only has said its whole name."""
        digits = str(SecondaryAddress(secondary.identification))
        if digits in self._rows and str(secondary) not in self._rows:
            self._rows[str(secondary)] = self._rows.pop(digits)

    def _make_room(self) -> None:
        if len(self._rows) >= self._limit:
            silent = (key for key, row in self._rows.items() if row.counters.last_answered is None)
            del self._rows[next(silent, next(iter(self._rows)))]


def _copy(counters: MeterCounters) -> MeterCounters:
    return replace(counters, garbled=Counter(counters.garbled))
