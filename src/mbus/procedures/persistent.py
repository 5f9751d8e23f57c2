"""Reading one meter as long as there is hope, at whichever rate it answers (guide 3.1.5).

A meter is asked at the default baud rate. Where it does not answer, that is believed after *timeout* seconds, and it is asked
again up to *max retries* times; then, where its primary address is known besides, once by that; then at the other rates from the
lowest to the highest that may be used: the one that worked the last time first, then 2400, 9600, 300, 19200. Who asks may want
the rate that worked the last time in front of all, or have silent meters asked once only at first and again when a round ends.

Whoever answers must be who was asked: `mbus.procedures.read` sees to it, and where a meter is known by its secondary address and
asked by its primary one, this module. What comes from another meter is no reading.

A request that had to stay off the bus, because another client's conversation came between, says nothing about the meter: the
reading begins anew and no try is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from mbus.addressing import SELECTED, SecondaryAddress
from mbus.application.commands import application_reset, is_initialisation, is_selection
from mbus.application.header import fits
from mbus.errors import NoAnswerError, ProcedureError, RefusedError, WrongMeterError
from mbus.link.frames import LongFrame
from mbus.link.station import Stations
from mbus.link.timing import answer_window
from mbus.procedures.baud import USUAL_RATES
from mbus.procedures.exchange import reset_link, send
from mbus.procedures.read import read_primary, read_secondary, select_meter
from mbus.procedures.reading import MAX_TELEGRAMS, Reading, named_by
from mbus.procedures.steps import (
    Ack,
    BaudChange,
    Expects,
    Outcome,
    Procedure,
    Reply,
    Request,
    Silence,
    Unasked,
    tell,
)

ALTERNATIVE_TRIES: Final = 2
"""Requests at each other rate: one lost answer must not cost a meter its reading."""
RESET_TRIES: Final = 2
MOST_RESTARTS: Final = 5
"""After so many interruptions the bus counts as silent: somebody keeps it."""
MOST_ATTEMPTS: Final = 1000
NO_RESET: Final = "it did not acknowledge the application reset"
LONGEST_REMARK: Final = 256

T = TypeVar("T")


class ReadOutcome(StrEnum):
    """What came of the attempts to read a meter."""

    OK = "ok"
    SILENT = "silent"
    GARBLED = "garbled"
    """Something answered, but no sound telegram of this meter."""
    BUS_DOWN = "bus down"
    """The bus could not be used: said by whoever drives procedures, never by `read_meter`."""
    INCOMPLETE = "incomplete"
    """Some telegrams came, the last did not."""


class Whom(Protocol):
    """Whom to read: by one of its addresses, or both."""

    @property
    def secondary(self) -> SecondaryAddress | None:
        """By which it is selected; None where only the primary address is known."""

    @property
    def primary(self) -> int | None:
        """None where it is not known."""


@dataclass(frozen=True, slots=True)
class Known:
    """What worked the last time.

    :ivar by_primary: it answered by its primary address only.
    """

    baud: int
    by_primary: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How to read.

    :ivar baud: the default rate.
    :ivar rates: all that may be used.
    :ivar timeout: seconds after which silence is believed.
    :ivar retries: how often to ask again at the default rate.
    :ivar once: ask once and at one rate only; somebody comes back later.
    :ivar remembered_first: begin with what worked the last time.
    """

    baud: int
    rates: tuple[int, ...]
    timeout: float
    retries: int
    once: bool = False
    remembered_first: bool = False
    application_reset: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    :ivar attempts: how often the meter was asked, at all rates together: 1 where all went well, however many telegrams it has.
    :ivar baud: at which it answered; else the default one.
    :ivar frames: whole telegrams, in order.
    :ivar remark: what a person should know.
    :ivar known: what worked; None where nothing did.
    """

    outcome: ReadOutcome
    attempts: int
    baud: int
    frames: tuple[bytes, ...] = ()
    remark: str = ""
    known: Known | None = None


class _InterruptedError(Exception):
    """Another client came between."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to try: at a rate, by an address, so often."""

    baud: int
    by_primary: bool
    tries: int


@dataclass(slots=True)
class _Tap:
    """What is seen of the requests of one way.

    :ivar failed: requests that were not answered as they should be.
    :ivar heard: something came, though perhaps nothing sound.
    :ivar telegrams: sound responses since the last selection or initialisation, repeats left out.
    """

    way: _Way
    failed: int = 0
    heard: bool = False
    telegrams: list[LongFrame] = field(default_factory=list)

    def note(self, request: Request, outcome: Outcome) -> None:
        """Take one transaction."""
        if request.expects is Expects.RESPONSE:
            self.heard |= not isinstance(outcome, Silence)
            if not isinstance(outcome, Reply):
                self.failed += 1
            elif outcome.frame not in self.telegrams:
                self.telegrams.append(outcome.frame)
        elif is_selection(request.frame):
            self.heard |= not isinstance(outcome, Silence)
            self.failed += not isinstance(outcome, Ack)
            self.telegrams.clear()
        elif is_initialisation(request.frame):
            self.telegrams.clear()


@dataclass(frozen=True, slots=True)
class _Failure:
    """How one way ended in vain.

    :ivar telegrams: of this meter, where some came.
    """

    tap: _Tap
    error: ProcedureError
    telegrams: tuple[LongFrame, ...]

    @property
    def strength(self) -> tuple[bool, bool]:
        """How much it says of the meter."""
        return bool(self.telegrams), self.tap.heard


def read_meter(
    who: Whom, manner: Manner, stations: Stations, known: Known | None = None
) -> Procedure[Result]:
    """Read a meter; give what came of it, whatever that is.

    :param stations: what this client of the bus has agreed with the meters.
    :param known: what worked the last time.
    """
    attempts = 0
    failures: list[_Failure] = []
    for way in _ways(who, manner, known):
        yield from tell(BaudChange(way.baud))
        tap = _Tap(way)
        try:
            reading, remarks = yield from _undisturbed(who, manner, stations, tap)
        except ProcedureError as error:
            attempts += max(1, tap.failed)
            failures.append(_Failure(tap, error, _own_telegrams(who, tap, error)))
            if isinstance(error, RefusedError):
                # It hears well, and would say the same at any rate.
                break
            continue
        remark = "; ".join(part for part in (*remarks, reading.remark) if part)
        return Result(
            ReadOutcome.OK,
            min(MOST_ATTEMPTS, attempts + tap.failed + 1),
            way.baud,
            tuple(frame.to_bytes() for frame in reading.frames),
            remark[:LONGEST_REMARK],
            Known(way.baud, way.by_primary and who.secondary is not None),
        )
    return _result_of(max(failures, key=lambda failure: failure.strength), attempts, manner.baud)


def rates_between(lowest: int, highest: int) -> tuple[int, ...]:
    """Give the rates that may be used, in the order in which they are tried."""
    return tuple(rate for rate in USUAL_RATES if lowest <= rate <= highest)


def _ways(who: Whom, manner: Manner, known: Known | None) -> Iterator[_Way]:
    by_primary = who.secondary is None
    others = [rate for rate in manner.rates if rate != manner.baud]
    if known is not None and known.baud not in manner.rates:
        known = None
    first = _Way(manner.baud, by_primary, 1 + manner.retries)
    if known is not None:
        by_primary |= known.by_primary and who.primary is not None
        others.sort(key=lambda rate: rate != known.baud)
        remembered = _Way(known.baud, by_primary, ALTERNATIVE_TRIES)
        if manner.remembered_first and (known.baud, by_primary) != (first.baud, first.by_primary):
            if manner.once:
                yield replace(remembered, tries=1)
                return
            yield remembered
            others = [rate for rate in others if rate != known.baud]
    if manner.once:
        yield replace(first, tries=1)
        return
    yield first
    if who.secondary is not None and who.primary is not None:
        yield _Way(manner.baud, by_primary=True, tries=1)
    for rate in others:
        yield _Way(rate, by_primary, ALTERNATIVE_TRIES)


def _undisturbed(
    who: Whom, manner: Manner, stations: Stations, tap: _Tap
) -> Procedure[tuple[Reading, list[str]]]:
    """Read by one way, again where another client came between."""
    window = max(manner.timeout, answer_window(tap.way.baud))
    for _ in range(MOST_RESTARTS):
        try:
            return (yield from _tapped(_read(who, manner, stations, tap.way), tap, window))
        except _InterruptedError:
            tap.telegrams.clear()
            stations.failed(SELECTED)
            if who.primary is not None:
                stations.failed(who.primary)
    raise NoAnswerError("other clients kept the bus")


def _tapped(procedure: Procedure[T], tap: _Tap, window: float) -> Procedure[T]:
    """Pass the steps of a procedure on, with the patience that is set, and note what becomes of them."""
    outcome: Outcome | None = None
    try:
        while True:
            step = procedure.send(outcome)
            if isinstance(step, Request):
                step = _patient(step, window)
            outcome = yield step
            if isinstance(step, Request) and outcome is not None:
                if isinstance(outcome, Unasked) and not is_initialisation(step.frame):
                    raise _InterruptedError
                tap.note(step, outcome)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        procedure.close()


def _patient(request: Request, window: float) -> Request:
    if request.timeout is not None or (
        request.frame.address == SELECTED and is_initialisation(request.frame)
    ):
        # Nobody need be there to acknowledge that a selection ends.
        return request
    return replace(request, timeout=window)


def _read(who: Whom, manner: Manner, stations: Stations, way: _Way) -> Procedure[tuple[Reading, list[str]]]:
    remarks: list[str] = []
    if manner.application_reset and not (yield from _reset(who, stations, way)):
        remarks.append(NO_RESET)
    if not way.by_primary:
        assert who.secondary is not None, "it is selected by it"
        return (yield from read_secondary(who.secondary, stations, tries=way.tries)), remarks
    assert who.primary is not None, "it is asked by it"
    reading = yield from read_primary(who.primary, stations, tries=way.tries)
    if who.secondary is not None:
        if reading.secondary is None or not fits(who.secondary, reading.secondary):
            raise WrongMeterError(
                f"{reading.secondary or 'a meter without a name'} answers at address {who.primary}, not {who.secondary}"
            )
        remarks.append("it answers by its primary address only")
    return reading, remarks


def _reset(who: Whom, stations: Stations, way: _Way) -> Procedure[bool]:
    """Let the meter begin with its first telegram; tell whether it has acknowledged that."""
    if way.by_primary:
        assert who.primary is not None, "it is asked by it"
        address = who.primary
        yield from reset_link(address, stations)
    else:
        assert who.secondary is not None, "it is selected by it"
        address = SELECTED
        yield from reset_link(address, stations)
        yield from select_meter(who.secondary, stations, tries=way.tries)
    try:
        yield from send(application_reset(address, fcb=True), stations, tries=min(way.tries, RESET_TRIES))
    except ProcedureError:
        return False
    return True


def _own_telegrams(who: Whom, tap: _Tap, error: ProcedureError) -> tuple[LongFrame, ...]:
    """Give the telegrams that came and are surely of this meter; none where anybody else was heard."""
    if isinstance(error, WrongMeterError | RefusedError):
        return ()
    frames = tuple(tap.telegrams[:MAX_TELEGRAMS])
    names = {named_by(frame) for frame in frames}
    if who.secondary is None:
        return frames if len(names) == 1 else ()
    is_own = all(name is not None and fits(who.secondary, name) for name in names)
    return frames if is_own else ()


def _result_of(failure: _Failure, attempts: int, baud: int) -> Result:
    outcome = ReadOutcome.GARBLED
    if failure.telegrams:
        outcome, baud = ReadOutcome.INCOMPLETE, failure.tap.way.baud
    elif isinstance(failure.error, NoAnswerError) and not failure.tap.heard:
        outcome = ReadOutcome.SILENT
    frames = tuple(frame.to_bytes() for frame in failure.telegrams)
    return Result(outcome, min(MOST_ATTEMPTS, attempts), baud, frames, str(failure.error)[:LONGEST_REMARK])
