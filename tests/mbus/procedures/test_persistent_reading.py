from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.commands import is_initialisation, is_selection
from mbus.link.frames import LongFrame, parse_frame
from mbus.link.station import Stations
from mbus.link.transaction import Outcome as Heard
from mbus.procedures.persistent import Known, Manner, ReadOutcome, Result, rates_between, read_meter
from mbus.procedures.reading import named_by
from mbus.procedures.steps import Reply, Request, Silence, Unasked
from mbussim.bus import Bus
from mbussim.demo import modelled_meters
from mbussim.faults import Fault
from mbussim.meter import Meter, Traits, plain_meters
from mbussim.population import population
from mbussim.virtual import VirtualMaster
from support.simulated import START

MANNER = Manner(2400, rates_between(300, 19200), timeout=2.0, retries=3)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom to read."""

    secondary: SecondaryAddress | None = None
    primary: int | None = None


class Reader:
    """Reads on a simulated bus, in virtual time."""

    def __init__(self, meters: Sequence[Meter], *faults: str) -> None:
        self.bus = Bus.of(meters)
        for fault in faults:
            disturbance = Fault.from_text(fault).disturbance()
            assert disturbance is not None
            self.bus.disturbances.append(disturbance)
        self.stations = Stations()
        self.sent: list[tuple[int, Request, Heard]] = []
        self.master = VirtualMaster(self.bus, trace=self._trace)

    def _trace(self, request: Request, outcome: Heard) -> None:
        self.sent.append((self.master.baud, request, outcome))

    def read(self, who: Subject, known: Known | None = None, **changes: Any) -> Result:
        self.sent.clear()
        manner = replace(MANNER, **changes)
        return self.master.run(read_meter(who, manner, self.stations, known)).result

    @property
    def rates(self) -> list[int]:
        """The rates at which it was asked, in order."""
        return list(dict.fromkeys(baud for baud, _, _ in self.sent))


def some(count: int = 3, **traits: Any) -> list[Meter]:
    return list(plain_meters(population(count, "random", 1), traits=Traits(**traits)))


def by_secondary(meter: Meter, *, primary: bool = False) -> Subject:
    assert meter.secondary is not None
    return Subject(meter.secondary, meter.primary if primary else None)


def by_primary(meter: Meter) -> Subject:
    return Subject(None, meter.primary)


@pytest.mark.parametrize("way", [by_primary, by_secondary])
def test_a_meter_that_answers_is_read_at_the_default_rate_in_one_attempt(
    way: Callable[[Meter], Subject],
) -> None:
    meters = some()
    reader = Reader(meters)
    for meter in meters * 2:
        result = reader.read(way(meter))
        assert (result.outcome, result.attempts, result.baud) == (ReadOutcome.OK, 1, 2400)
        assert result.frames == (meter.reading(0)[0].to_bytes(),)
        assert result.known == Known(2400)
    assert reader.rates == [2400]


def test_a_silent_meter_gets_its_retries_and_then_the_other_rates_each_with_the_timeout() -> None:
    reader = Reader(some(1))
    gone = SecondaryAddress.from_text("9999999901064004")
    before = reader.master.now
    result = reader.read(Subject(gone))
    assert (result.outcome, result.attempts, result.baud) == (ReadOutcome.SILENT, 4 + 3 * 2, 2400)
    assert not result.frames
    assert reader.rates == [2400, 9600, 300, 19200]
    selections = [request for _, request, _ in reader.sent if is_selection(request.frame)]
    assert {request.timeout for request in selections} == {2.0}
    assert 20 < reader.master.now - before < 24


def test_only_rates_between_min_and_max_are_used() -> None:
    reader = Reader(some(1))
    reader.read(Subject(None, 77), rates=rates_between(2400, 9600))
    assert reader.rates == [2400, 9600]


def test_a_slow_rate_keeps_the_standards_window_where_that_is_longer() -> None:
    reader = Reader(some(1))
    reader.read(Subject(None, 77), baud=300, rates=(300,), timeout=1.0)
    assert all(request.timeout is not None and request.timeout > 1.1 for _, request, _ in reader.sent)


def test_a_meter_of_another_rate_is_read_there_and_remembered_for_the_others_only() -> None:
    (meter,) = some(1, rates=frozenset((300,)))
    reader = Reader([meter])
    first = reader.read(by_secondary(meter))
    assert (first.outcome, first.baud, first.attempts) == (ReadOutcome.OK, 300, 4 + 2 + 1)
    assert first.known == Known(300)
    second = reader.read(by_secondary(meter), first.known)
    assert (second.baud, second.attempts) == (300, 4 + 1)
    assert reader.rates == [2400, 300]
    third = reader.read(by_secondary(meter), first.known, remembered_first=True)
    assert (third.baud, third.attempts) == (300, 1)
    assert reader.rates == [300]


def test_a_remembered_rate_that_fails_is_followed_by_the_default_one() -> None:
    (meter,) = some(1, rates=frozenset((2400,)))
    reader = Reader([meter])
    result = reader.read(by_secondary(meter), Known(9600), remembered_first=True)
    assert (result.baud, result.attempts) == (2400, 3)
    assert reader.rates == [9600, 2400]


def test_a_remembered_rate_that_may_not_be_used_any_more_is_forgotten() -> None:
    (meter,) = some(1)
    reader = Reader([meter])
    reader.read(by_secondary(meter), Known(300), remembered_first=True, rates=(2400, 9600))
    assert reader.rates == [2400]


def test_asking_once_is_one_request_at_one_rate() -> None:
    reader = Reader(some(1))
    result = reader.read(Subject(None, 77), once=True)
    assert (result.outcome, result.attempts) == (ReadOutcome.SILENT, 1)
    assert reader.rates == [2400]


def test_a_meter_that_is_asked_by_its_primary_address_instead_must_be_who_it_is() -> None:
    meter, other = some(2)
    reader = Reader([meter])
    assert reader.read(by_secondary(meter, primary=True)).known == Known(2400)
    result = reader.read(replace(by_secondary(other), primary=meter.primary))
    assert result.outcome is ReadOutcome.GARBLED
    assert not result.frames
    assert str(meter.secondary) in result.remark


def test_all_telegrams_of_a_meter_are_read() -> None:
    reader = Reader(modelled_meters(12, "random", 1, START))
    several = 0
    for meter in reader.bus.meters:
        if meter.secondary is None or not meter.secondary.is_unique:
            continue
        result = reader.read(by_secondary(meter))
        assert result.outcome is ReadOutcome.OK
        assert result.attempts == 1
        several += len(result.frames) > 1
    assert several


def test_a_meter_that_lets_itself_not_be_selected_is_read_by_its_primary_address() -> None:
    (meter,) = some(1)
    assert meter.secondary is not None
    reader = Reader([meter])
    reader.bus.slaves[0].select = lambda selection: None  # type: ignore[method-assign]
    first = reader.read(by_secondary(meter, primary=True))
    assert (first.outcome, first.attempts) == (ReadOutcome.OK, 4 + 1)
    assert first.known == Known(2400, by_primary=True)
    assert "primary address only" in first.remark
    again = reader.read(by_secondary(meter, primary=True), first.known, remembered_first=True)
    assert (again.outcome, again.attempts) == (ReadOutcome.OK, 1)


def test_of_a_meter_that_falls_silent_in_between_the_telegrams_that_came_are_kept() -> None:
    meters = modelled_meters(12, "random", 1, START)
    several = next(one for one in meters if len(one.reading(0.0)) > 1)
    reader = Reader([several])
    procedure = read_meter(by_secondary(several), MANNER, reader.stations)
    outcome: Heard | None = None
    heard = 0
    try:
        while True:
            step = procedure.send(outcome)
            outcome = None
            if isinstance(step, Request):
                outcome = Silence() if heard else reader.master.transact(step)
                heard += isinstance(outcome, Reply)
    except StopIteration as end:
        result: Result = end.value
    assert (result.outcome, result.baud) == (ReadOutcome.INCOMPLETE, 2400)
    assert len(result.frames) == 1
    assert named_by(frame_of(result.frames[0])) == several.secondary


def test_an_application_reset_goes_first_and_a_meter_that_refuses_is_read_all_the_same() -> None:
    meter = some(1)[0]
    reader = Reader([meter])
    for way in (by_primary, by_secondary):
        result = reader.read(way(meter), application_reset=True)
        assert result.outcome is ReadOutcome.OK
        resets = [request for _, request, _ in reader.sent if getattr(request.frame, "ci", None) == 0x50]
        assert resets


def test_lost_answers_cost_attempts_and_no_reading() -> None:
    meters = some(50)
    reader = Reader(meters, "loss=0.2")
    results = [reader.read(by_secondary(meter)) for meter in meters]
    assert {result.outcome for result in results} == {ReadOutcome.OK}
    assert max(result.attempts for result in results) > 1
    assert [result.frames[0] for result in results] == [meter.reading(0)[0].to_bytes() for meter in meters]


@pytest.mark.parametrize(
    "fault", ["foreign,probability=0.3", "late=0.05,probability=0.3", "noise=0.3", "checksum,probability=0.3"]
)
@pytest.mark.parametrize("way", [by_primary, by_secondary])
def test_no_fault_makes_a_reading_of_another_meter(way: Callable[[Meter], Subject], fault: str) -> None:
    meters = some(60)
    reader = Reader(meters, fault)
    for meter in meters:
        result = reader.read(way(meter))
        names = {named_by(frame_of(data)) for data in result.frames}
        assert names <= {meter.secondary}


def frame_of(data: bytes) -> LongFrame:
    frame = parse_frame(data)
    assert isinstance(frame, LongFrame)
    return frame


def test_what_had_to_stay_off_the_bus_is_no_try_and_the_reading_begins_anew() -> None:
    (meter,) = some(1)
    bus = VirtualMaster(Bus.of([meter]))
    procedure = read_meter(by_secondary(meter), MANNER, Stations())
    outcome: Heard | None = None
    interruptions = 2
    try:
        while True:
            step = procedure.send(outcome)
            outcome = None
            if isinstance(step, Request):
                is_data = not is_selection(step.frame) and not is_initialisation(step.frame)
                if is_data and interruptions:
                    interruptions -= 1
                    outcome = Unasked()
                else:
                    outcome = bus.transact(step)
    except StopIteration as end:
        result: Result = end.value
    assert (result.outcome, result.attempts, result.baud) == (ReadOutcome.OK, 1, 2400)


def test_somebody_who_keeps_the_bus_is_said() -> None:
    (meter,) = some(1)
    procedure = read_meter(by_primary(meter), replace(MANNER, rates=(2400,)), Stations())
    outcome: Heard | None = None
    try:
        while True:
            step = procedure.send(outcome)
            outcome = Unasked() if isinstance(step, Request) else None
    except StopIteration as end:
        result: Result = end.value
    assert result.outcome is ReadOutcome.SILENT
    assert "other clients" in result.remark
