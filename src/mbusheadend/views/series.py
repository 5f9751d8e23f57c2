"""Values of registers over time, few enough for a plot, with gaps.

Where there are more than a plot has room for, each of its parts keeps its smallest and its largest value, so that no peak gets
lost; zoomed in far enough, every value is there. There is a gap where nothing came for almost twice as long as usual around it.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Final

from mbus.application.datatypes import Value
from mbus.application.status import is_suspect
from mbusheadend.decoding.registers import Register
from mbusheadend.filling.gaps import Filled, Source
from mbusheadend.judging.own_time import is_own_time
from mbusheadend.store import Store
from mbusheadend.store.viewing import Track

MOST: Final = 1000
"""Values of a register that a plot gets at most, if nothing else is said."""
MAX_READINGS: Final = 400_000
"""More than eleven years of every quarter of an hour: what is behind it is left out."""
_AROUND: Final = 8
_LONGER: Final = 1.75
_DOUBTFUL: Final = "doubtful"


class Mark(StrEnum):
    """Why a value is to be taken with care."""

    CLOCK = "clock"
    """The master's clock was doubtful."""
    STATUS = "status"
    """The meter reported an error."""
    VALUE = "value"
    """The meter says so of this very value."""
    MEMORY = "memory"
    """Out of the meter's memory, asked for later."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value that was measured.

    :ivar own: what the meter's own clock told, without a zone.
    """

    taken: datetime
    value: Decimal | int
    marks: tuple[Mark, ...] = ()
    own: datetime | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A register over time.

    :ivar samples: in the order of time, with None for a gap.
    :ivar count: of all values in this time, of which `samples` may be some.
    :ivar is_cut: there were more readings than anybody looks at.
    """

    register: Register
    samples: tuple[Sample | None, ...]
    count: int
    smallest: Sample | None
    largest: Sample | None
    last: Sample | None
    is_cut: bool = False


async def series_of(
    store: Store,
    meter: int,
    registers: Sequence[Register],
    since: datetime,
    until: datetime,
    most: int = MOST,
) -> tuple[Series, ...]:
    """Give each of these registers of a meter over a time, with at most about `most` values each. Raise `UnknownError`."""
    clock = next((one for one in await store.registers(meter) if is_own_time(one)), None)
    asked = (*registers, clock) if clock is not None else tuple(registers)
    tracks, is_cut = await _tracks(store, meter, asked, since, until)
    filled = [one for one in await store.filled(meter, since, until) if one.source is Source.MEMORY]

    def work() -> tuple[Series, ...]:
        found = _samples(tracks, registers, with_clock=clock is not None)
        _add_recalled(found, filled, registers)
        return tuple(
            _series(register, samples, since, until, most, is_cut=is_cut)
            for register, samples in zip(registers, found, strict=True)
        )

    return await asyncio.to_thread(work)


def _samples(tracks: list[Track], registers: Sequence[Register], *, with_clock: bool) -> list[list[Sample]]:
    found: list[list[Sample]] = [[] for _ in registers]
    for track in tracks:
        own = track.values[-1] if with_clock else None
        for place, samples in enumerate(found):
            value = number(track.values[place])
            if value is not None:
                samples.append(_sample(track, value, track.doubts[place], own))
    return found


def _add_recalled(found: list[list[Sample]], filled: Sequence[Filled], registers: Sequence[Register]) -> None:
    for one in filled:
        for register, value in one.values:
            known = number(value)
            if known is not None and register in registers:
                found[registers.index(register)].append(Sample(one.slot, known, (Mark.MEMORY,)))


def number(value: Value) -> Decimal | int | None:
    """Give a value where it is a number; a float by its shortest digits, None for one that is none."""
    if isinstance(value, float):
        exact = Decimal(repr(value))
        return exact if exact.is_finite() else None
    return value if isinstance(value, (int, Decimal)) else None


async def _tracks(
    store: Store, meter: int, registers: Sequence[Register], since: datetime, until: datetime
) -> tuple[list[Track], bool]:
    tracks: list[Track] = []
    after = None
    while True:
        page = await store.tracks(meter, registers, since, until, after=after)
        tracks += page.tracks
        after = page.after
        if after is None or len(tracks) >= MAX_READINGS:
            return tracks, after is not None


def _sample(track: Track, value: Decimal | int, doubt: str | None, own: Value) -> Sample:
    marks: tuple[Mark, ...] = ()
    if track.clock == _DOUBTFUL:
        marks += (Mark.CLOCK,)
    if track.status and is_suspect(track.status):
        marks += (Mark.STATUS,)
    if doubt is not None:
        marks += (Mark.VALUE,)
    return Sample(track.taken, value, marks, _own(own))


def _own(told: Value) -> datetime | None:
    try:
        return datetime.fromisoformat(told).replace(tzinfo=None) if isinstance(told, str) else None
    except ValueError:
        return None


def _series(
    register: Register, samples: list[Sample], since: datetime, until: datetime, most: int, *, is_cut: bool
) -> Series:
    samples.sort(key=lambda sample: sample.taken)
    if not samples:
        return Series(register, (), 0, None, None, None, is_cut)
    gaps = frozenset(gaps_in([sample.taken for sample in samples]))
    if len(samples) <= most:
        kept = with_gaps(samples, gaps, timedelta(0))
    else:
        width = (until - since) / max(1, most // 2)
        kept = with_gaps(list(_thinned(samples, since, width)), gaps, width)
    return Series(
        register,
        tuple(kept),
        len(samples),
        min(samples, key=lambda sample: sample.value),
        max(samples, key=lambda sample: sample.value),
        samples[-1],
        is_cut,
    )


def gaps_in(times: Sequence[datetime]) -> Iterator[datetime]:
    """Give the times behind which there is a gap."""
    waits = [late - early for early, late in pairwise(times)]
    for place, wait in enumerate(waits):
        around = sorted(waits[max(0, place - _AROUND) : place + _AROUND + 1])
        if wait > around[len(around) // 2] * _LONGER:
            yield times[place]


def with_gaps(
    samples: Sequence[Sample], gaps: frozenset[datetime] | set[datetime], width: timedelta
) -> list[Sample | None]:
    """Put None where there is a gap that is longer than `width`; `samples` may be some of all."""
    kept: list[Sample | None] = []
    starts = sorted(gaps)
    for early, late in pairwise(samples):
        kept.append(early)
        place = bisect_right(starts, late.taken) - 1
        is_between = place >= 0 and early.taken <= starts[place] < late.taken
        if is_between and late.taken - early.taken > width:
            kept.append(None)
    kept.append(samples[-1])
    return kept


def _thinned(samples: Sequence[Sample], since: datetime, width: timedelta) -> Iterator[Sample]:
    """Give of each part of the time the smallest and the largest value in the order of time, and the first that is marked."""
    for _, members in groupby(samples, key=lambda sample: (sample.taken - since) // width):
        part = list(members)
        chosen = {
            min(range(len(part)), key=lambda place: part[place].value),
            max(range(len(part)), key=lambda place: part[place].value),
        }
        marked = next((place for place, sample in enumerate(part) if sample.marks), None)
        if marked is not None and not any(part[place].marks for place in chosen):
            chosen.add(marked)
        yield from (part[place] for place in sorted(chosen))
