"""What a simulated meter measures: values as functions of time, the same for the same seed.

Nothing is stored: a counter is its start plus what has flowed, so that the value at the last target date, or at any other
instant, is the same function at another time.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from mbus.application.encode_record import RecordSpec, Value

DAY_HOURS: Final = 24.0
SPREAD: Final = (0.4, 1.6)
"""Factors between which two meters of one model differ."""


class ModelError(ValueError):
    """A model file that says something impossible."""


@dataclass(frozen=True, slots=True)
class Instant:
    """When a value is asked for.

    :ivar hours: since the simulation began; negative for the past.
    :ivar clock: what the meter's own clock shows.
    """

    hours: float
    clock: datetime

    def at(self, clock: datetime) -> "Instant":
        """Give the instant at which the meter's clock showed something else."""
        return Instant(self.hours + (clock - self.clock) / timedelta(hours=1), clock)

    @property
    def target_date(self) -> "Instant":
        """The last target date: the first of the month at midnight."""
        return self.at(self.clock.replace(day=1, hour=0, minute=0, second=0, microsecond=0))


@dataclass(frozen=True, slots=True)
class Identity:
    """What a register may repeat of the meter itself."""

    fabrication: str
    info: int


Source = Callable[[Instant, Identity], Value]
"""Gives the content of a data field, before the VIB scales it."""


@dataclass(frozen=True, slots=True)
class Register:
    """A record whose value moves."""

    spec: RecordSpec
    source: Source

    def record(self, instant: Instant, identity: Identity) -> RecordSpec:
        """Give the record with its value of an instant."""
        return replace(self.spec, value=self.source(instant, identity))


def counter(row: Mapping[str, Any], chance: random.Random) -> Source:
    """Grow from ``counter`` by ``rate`` per hour, more at day than at night; never backwards."""
    scale, phase = chance.uniform(*SPREAD), chance.uniform(0, DAY_HOURS)
    start, rate = row["counter"] * scale, row.get("rate", 0) * scale
    turn = 2 * math.pi / DAY_HOURS

    def value(instant: Instant, identity: Identity) -> int:
        flowed = instant.hours - 0.9 * math.sin(turn * (instant.hours + phase)) / turn
        return max(0, int(start + rate * flowed))

    return value


def wave(row: Mapping[str, Any], chance: random.Random) -> Source:
    """Wander around ``wave`` by up to ``swing``: a daily course and a shorter one of its own.

    The means of two meters differ by up to ``spread``, a share of ``wave``.
    """
    spread = row.get("spread", 0.1)
    mean, swing = row["wave"] * chance.uniform(1 - spread, 1 + spread), row.get("swing", 0)
    phase, period = chance.uniform(0, DAY_HOURS), chance.uniform(0.11, 0.37)
    real = row.get("field") == 5

    def value(instant: Instant, identity: Identity) -> Value:
        daily = math.sin(2 * math.pi * (instant.hours + phase) / DAY_HOURS)
        short = math.sin(2 * math.pi * (instant.hours + phase) / period)
        level = mean + swing * (0.8 * daily + 0.2 * short)
        return round(level, 4) if real else int(level)

    return value


def extreme(row: Mapping[str, Any], chance: random.Random, factor: float) -> Source:
    """Stay at what a wave reached: ``peak`` or ``low`` give its mean, ``swing`` its course."""
    mean = row["peak" if factor > 0 else "low"] * chance.uniform(0.95, 1.05)
    value = mean + factor * row.get("swing", 0)
    return lambda instant, identity: int(value)


def clock(row: Mapping[str, Any], chance: random.Random) -> Source:
    """Show the meter's clock (``clock = "now"``) or its last target date (``"target"``)."""
    if row["clock"] not in ("now", "target"):
        raise ModelError(f"clock is now or target, not {row['clock']!r}")
    if row["clock"] == "now":
        return lambda instant, identity: instant.clock
    return lambda instant, identity: instant.target_date.clock


def make_source(row: Mapping[str, Any], chance: random.Random, named: Mapping[str, Source]) -> Source:
    """Read what a row of a model says about its value; raise `ModelError`."""
    match row:
        case {"counter": int() | float()}:
            return counter(row, chance)
        case {"wave": int() | float()}:
            return wave(row, chance)
        case {"peak": int() | float()}:
            return extreme(row, chance, 1.0)
        case {"low": int() | float()}:
            return extreme(row, chance, -1.0)
        case {"clock": str()}:
            return clock(row, chance)
        case {"fixed": fixed}:
            return lambda instant, identity: fixed
        case {"fabrication": True}:
            return lambda instant, identity: int(identity.fabrication)
        case {"serial": str(prefix)}:
            return lambda instant, identity: prefix + identity.fabrication
        case {"info": True}:
            return lambda instant, identity: identity.info
        case {"minus": [str(first), str(second)]} if first in named and second in named:
            return _difference(named[first], named[second])
        case {"stored": str(name)} if name in named:
            return _stored(named[name])
    raise ModelError(f"no value in {dict(row)}")


def _stored(source: Source) -> Source:
    return lambda instant, identity: source(instant.target_date, identity)


def _difference(first: Source, second: Source) -> Source:
    def value(instant: Instant, identity: Identity) -> int:
        minuend, subtrahend = first(instant, identity), second(instant, identity)
        assert isinstance(minuend, int)
        assert isinstance(subtrahend, int)
        return minuend - subtrahend

    return value


def make_register(row: Mapping[str, Any], chance: random.Random, named: dict[str, Source]) -> Register:
    """Read one row of a model; a row with a ``name`` can be repeated as ``stored``."""
    source = make_source(row, chance, named)
    if "name" in row:
        named[row["name"]] = source
    spec = RecordSpec(
        bytes.fromhex(row["vib"]),
        None,
        row.get("field", 4),
        function=row.get("function", "instantaneous"),
        storage=row.get("storage", 0),
        tariff=row.get("tariff", 0),
        subunit=row.get("subunit", 0),
        unsigned=row.get("unsigned", False),
    )
    return Register(spec, source)
