"""Judges readings as they come, each against what is remembered of its meter."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.errors import MBusError
from mbusheadend.alarms.alarm import LONGEST_DETAIL, AlarmKey, Raised
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.decoding.naming import register_name
from mbusheadend.decoding.registers import Register
from mbusheadend.decoding.values import Measured
from mbusheadend.judging.access import Answers, foreign_answers
from mbusheadend.judging.clocks import clock_state
from mbusheadend.judging.counters import Fall, falls
from mbusheadend.judging.meter_state import (
    MOST_ANSWERS,
    MOST_COUNTERS,
    MOST_OPEN,
    MOST_TOLD,
    MeterState,
)
from mbusheadend.judging.own_time import own_time
from mbusheadend.judging.points import Point
from mbusheadend.judging.standstill import PAIRS, Standstill, is_odd, is_sure, step_of
from mbusheadend.judging.words import STATUS, bits_of, status_of
from mbusheadend.store.readings import StoredReading
from mbushosting.readings import Outcome
from mbusweb.texts import Text, mark

COUNTERS: Final = frozenset({"energy", "volume", "mass"})
RATES: Final = frozenset({"power", "volume_flow", "mass_flow"})
FLAGS: Final = "error_flags"
DOUBTFUL: Final = "doubtful"
"""Quality of the master's clock that says nothing about the meter's."""
SMALL_FALL: Final = Decimal("0.99")
"""A counter that falls by less ran backwards for a moment: backflow, or rounding."""
CLOCK_EVERY: Final = timedelta(hours=6)
CLOCK_ERROR: Final = timedelta(minutes=3)
CLOCK_GOOD: Final = timedelta(minutes=2)
CLOCK_DRIFT: Final = timedelta(minutes=1)
WIDEST_ZONE: Final = timedelta(hours=14)
SOUND: Final = 2
"""Readings without a sign after which it is over."""

FELL: Final = mark(
    "The register %(register)s fell from %(before)s to %(after)s: the meter was reset, or exchanged."
)
STANDS: Final = mark(
    "Its counters have not moved for %(hours)d hours, in %(readings)d readings, and its own clock stands still."
)
SHOULD_MOVE: Final = mark(
    "Its counters have not moved for %(hours)d hours, in %(readings)d readings, although it says that something flows."
)
IDLE: Final = mark("Its counters have not moved for %(days)d days: nothing is used, or it does not count.")
CLOCK_WRONG: Final = mark("The meter's clock is wrong by %(hours)d hours.")
CLOCK_OFF: Final = mark("The meter's clock is %(seconds)d seconds off.")
CLOCK_DRIFTS: Final = mark("The meter's clock goes wrong by %(seconds)d seconds a day.")
FOREIGN: Final = mark(
    "Between two readings, the last of them of %(until)s, the meter answered somebody else %(count)d times."
)
INFO_CODE: Final = mark("The meter reports the error flags %(flags)s (bits %(bits)s).")


@dataclass(slots=True)
class Judged:
    """What judging gave: alarms that are on, and that are over."""

    raised: list[Raised] = field(default_factory=list)
    cleared: list[AlarmKey] = field(default_factory=list)


def judge(reading: StoredReading, identity: str, state: MeterState, judged: Judged) -> None:
    """Judge a reading; change the state of its meter. One that was taken before the last one says nothing new."""
    if state.taken is not None and reading.taken <= state.taken:
        return
    if reading.outcome is not Outcome.OK:
        state.is_clean = False
        return
    one = _One(reading, identity, state, judged)
    one.judge_counters()
    one.judge_clock()
    one.judge_access()
    one.judge_signs()


class _One:
    """One reading and what it is judged by."""

    def __init__(self, reading: StoredReading, identity: str, state: MeterState, judged: Judged) -> None:
        self._reading = reading
        self._identity = identity
        self._state = state
        self._judged = judged
        self._own = own_time(reading.decoded)
        self._values = [
            measured
            for telegram in reading.decoded
            for measured in telegram.values
            if measured.register.storage == 0
            and measured.register.function == "instantaneous"
            and measured.status is None
            and not measured.register.modifiers
        ]

    def judge_counters(self) -> None:
        """Look for counters that fell, and for a meter that stands still."""
        state, taken = self._state, self._reading.taken
        before, now = state.counters, dict(self._numbers(COUNTERS))
        if before and state.taken is not None:
            for register, value in now.items():
                earlier = before.get(_key(register))
                if earlier is not None and value < earlier:
                    self._judge_fall(register, state.taken, earlier, value)
        same = bool(now) and all(before.get(_key(register)) == value for register, value in now.items())
        stood = state.own is not None and self._own == state.own
        state.counters = {_key(register): value for register, value in list(now.items())[:MOST_COUNTERS]}
        rates = {f"{register.quantity} {register.unit}": value for register, value in self._numbers(RATES)}
        if same and state.still_since is not None:
            state.still += 1
            state.own_stands = stood and (state.own_stands or state.still == 2)
            state.least_rates = {
                name: min(value, state.least_rates.get(name, value)) for name, value in rates.items()
            }
        else:
            state.still, state.still_since, state.own_stands, state.least_rates = 1, taken, False, rates
        state.own, state.taken = self._own, taken
        self._judge_standstill(now)

    def _judge_fall(self, register: Register, since: datetime, before: Decimal, after: Decimal) -> None:
        found: tuple[Fall, ...] = falls((Point(since, before), Point(self._reading.taken, after)))
        if any(fall.capacity is not None for fall in found) or after >= before * SMALL_FALL:
            return
        name = register_name(register)
        values = {"register": name, "before": _plain(before), "after": _plain(after)}
        self._happened(AlarmKind.COUNTER_FELL, name, Text(FELL, values))

    def _judge_standstill(self, counters: dict[Register, Decimal]) -> None:
        state = self._state
        if state.still < 2 and not self._is_open(AlarmKind.METER_FROZEN):
            return
        hours = Decimal(int(state.still_for.total_seconds())) / 3600
        must_move = any(
            state.least_rates.get(f"{rate} {rate_unit}", Decimal(0)) * hours >= 2 * step_of(value)
            for register, value in counters.items()
            for quantity, unit, rate, rate_unit in PAIRS
            if (register.quantity, register.unit) == (quantity, unit)
        )
        still = Standstill(state.still, state.still_for, state.own_stands, must_move, any(counters.values()))
        values = {"hours": int(hours), "readings": state.still, "days": int(hours / 24)}
        if is_sure(still):
            text = Text(STANDS if still.clock_stands else SHOULD_MOVE, values)
            self._begin(AlarmKind.METER_FROZEN, "", text, Severity.WARNING)
        elif is_odd(still, _medium(self._identity)):
            self._begin(AlarmKind.METER_FROZEN, "", Text(IDLE, values), Severity.NOTICE)
        elif state.still == 1:
            self._end(AlarmKind.METER_FROZEN, "")

    def judge_clock(self) -> None:
        """Compare the meter's clock with the time, now and then."""
        told, taken, own = self._state.told, self._reading.taken, self._own
        if own is None or self._reading.clock == DOUBTFUL:
            return
        if told and taken - told[-1][0] < CLOCK_EVERY:
            return
        told.append((taken, own))
        del told[:-MOST_TOLD]
        clock = clock_state(told)
        if clock is None:
            return
        ahead = own.replace(tzinfo=UTC) - taken
        if abs(ahead) > WIDEST_ZONE + timedelta(hours=1):
            text = Text(CLOCK_WRONG, {"hours": int(abs(ahead).total_seconds() // 3600)})
        elif abs(clock.error) > CLOCK_ERROR:
            text = Text(CLOCK_OFF, {"seconds": int(abs(clock.error).total_seconds())})
        elif clock.drift is not None and abs(clock.drift) > CLOCK_DRIFT:
            text = Text(CLOCK_DRIFTS, {"seconds": int(abs(clock.drift).total_seconds())})
        elif abs(clock.error) < CLOCK_GOOD:
            self._end(AlarmKind.METER_CLOCK, "")
            return
        else:
            return
        self._begin(AlarmKind.METER_CLOCK, "", text)

    def judge_access(self) -> None:
        """Look whether somebody else had answers of the meter."""
        state = self._state
        numbers = [one.access_number for one in self._reading.decoded if one.access_number is not None]
        if not numbers:
            return
        is_clean = state.is_clean and self._reading.attempts == 1
        state.is_clean = True
        state.answers.append(Answers(self._reading.taken, numbers[0], numbers[-1], is_clean))
        del state.answers[:-MOST_ANSWERS]
        found = foreign_answers(state.answers)
        if found and found[-1].until == self._reading.taken:
            until = f"{self._reading.taken:%Y-%m-%d %H:%M} UTC"
            self._happened(
                AlarmKind.FOREIGN_READS, "", Text(FOREIGN, {"until": until, "count": found[-1].count})
            )

    def judge_signs(self) -> None:
        """Hear what the meter says of itself: status byte and error flags."""
        said: dict[str, tuple[AlarmKind, str, Text, Severity, int]] = {}
        for word in sorted(status_of(self._reading)):
            status = STATUS[word]
            said[_sign(AlarmKind.METER_STATUS, word)] = (
                AlarmKind.METER_STATUS, word, Text(status.text), status.severity, status.readings,
            )  # fmt: skip
        for measured in self._values:
            flags = measured.value
            if measured.register.quantity == FLAGS and isinstance(flags, int) and flags > 0:
                name = register_name(measured.register)[:LONGEST_DETAIL]
                text = Text(INFO_CODE, {"flags": f"{flags:X}", "bits": bits_of(flags)})
                said[_sign(AlarmKind.METER_INFO_CODE, name)] = (
                    AlarmKind.METER_INFO_CODE, name, text, Severity.WARNING, 1,
                )  # fmt: skip
        signs = self._state.signs
        for key, (kind, detail, text, severity, readings) in said.items():
            signs[key] = max(0, signs.get(key, 0)) + 1
            if signs[key] >= readings and len(signs) <= MOST_OPEN:
                self._begin(kind, detail, text, severity)
        for key in [key for key in signs if key not in said]:
            signs[key] = min(0, signs[key]) - 1
            if key not in self._state.open:
                del signs[key]
            elif signs[key] <= -SOUND:
                kind_text, _, detail = key.partition("/")
                self._end(AlarmKind(kind_text), detail)
                del signs[key]

    def _numbers(self, quantities: frozenset[str]) -> Iterator[tuple[Register, Decimal]]:
        for measured in self._values:
            if measured.register.quantity in quantities:
                value = _number(measured)
                if value is not None:
                    yield measured.register, value

    def _alarm(self, kind: AlarmKind, detail: str) -> AlarmKey:
        return AlarmKey(kind, self._reading.master, self._reading.meter, detail)

    def _is_open(self, kind: AlarmKind, detail: str = "") -> bool:
        return _sign(kind, detail) in self._state.open

    def _begin(self, kind: AlarmKind, detail: str, text: Text, severity: Severity | None = None) -> None:
        self._state.open.add(_sign(kind, detail))
        self._judged.raised.append(
            Raised(self._alarm(kind, detail), text, severity, since=self._reading.taken)
        )

    def _end(self, kind: AlarmKind, detail: str) -> None:
        if self._is_open(kind, detail):
            self._state.open.discard(_sign(kind, detail))
            self._judged.cleared.append(self._alarm(kind, detail))

    def _happened(self, kind: AlarmKind, detail: str, text: Text) -> None:
        key = self._alarm(kind, detail[:LONGEST_DETAIL])
        self._judged.raised.append(Raised(key, text, since=self._reading.taken, is_new=True))


def _sign(kind: AlarmKind, detail: str) -> str:
    return f"{kind}/{detail}"


@lru_cache(8192)
def _key(register: Register) -> str:
    return "/".join(map(str, (*register[2:6], register.occurrence)))


def _number(measured: Measured) -> Decimal | None:
    value = measured.value
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value)) if value == value and abs(value) < float("inf") else None
    return Decimal(value) if isinstance(value, int) else None


def _plain(value: Decimal) -> str:
    return f"{value:f}"


@lru_cache(8192)
def _medium(identity: str) -> int | None:
    try:
        return SecondaryAddress.from_text(identity).medium
    except (MBusError, ValueError):
        return None
