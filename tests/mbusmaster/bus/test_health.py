import pytest

from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Silence
from mbus.procedures.steps import Request
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.health import BusState, Cause, HealthJudge
from mbusmaster.bus.line.reading import LineReading
from support.sharedbus import nke


def carried(address: int, outcome: Outcome) -> Carried:
    return Carried("one", Request(nke(address), Expects.ACK), outcome, 0.1, 2400, True)


def line(*, shut_down: bool = False) -> LineReading:
    return LineReading(30.0, 8.0, 25.0, shut_down, "overload" if shut_down else "idle")


@pytest.fixture
def judge() -> HealthJudge:
    judge = HealthJudge()
    judge.connected()
    return judge


def test_a_converter_that_was_never_opened_is_a_fault() -> None:
    assert HealthJudge().health(0).state is BusState.FAULT


def test_a_bus_that_nobody_asks_is_idle(judge: HealthJudge) -> None:
    assert judge.health(0).state is BusState.IDLE


def test_a_bus_is_active_during_a_transaction_and_for_a_moment_after(judge: HealthJudge) -> None:
    assert judge.health(0, working=True).state is BusState.ACTIVE
    judge.carried(carried(5, Ack()), 10.0)
    assert judge.health(10.5).state is BusState.ACTIVE
    assert judge.health(11.5).state is BusState.IDLE


def test_a_converter_that_is_gone_is_a_fault_with_its_reason(judge: HealthJudge) -> None:
    judge.disconnected("unplugged")
    assert judge.health(0).state is BusState.FAULT
    assert judge.health(0).reason == "unplugged"
    judge.connected()
    assert judge.health(0).state is BusState.IDLE


def test_a_bus_that_the_driver_cut_off_is_shut_down_whatever_else_is_true(judge: HealthJudge) -> None:
    judge.disconnected("unplugged")
    judge.measured(line(shut_down=True), 5.0)
    health = judge.health(6.0)
    assert (health.state, health.reason) == (BusState.SHUT_DOWN, "overload")


@pytest.mark.parametrize(
    ("condition", "shut_down", "state", "cause"),
    [
        ("short circuit", True, BusState.SHUT_DOWN, Cause.SHORT_CIRCUIT),
        ("overload", True, BusState.SHUT_DOWN, Cause.OVERLOAD),
        ("overtemperature", True, BusState.SHUT_DOWN, Cause.OVERTEMPERATURE),
        ("idle", True, BusState.SHUT_DOWN, Cause.OVERLOAD),
        ("short circuit", False, BusState.FAULT, Cause.SHORT_CIRCUIT),
        ("active", False, BusState.IDLE, Cause.NONE),
    ],
)
def test_the_words_of_the_line_monitor_tell_the_causes_apart(
    judge: HealthJudge, condition: str, shut_down: bool, state: BusState, cause: Cause
) -> None:
    judge.measured(LineReading(30.0, 8.0, 25.0, shut_down, condition), 5.0)
    health = judge.health(6.0)
    assert (health.state, health.cause) == (state, cause)


def test_much_load_is_a_warning_beside_what_others_warn_of(judge: HealthJudge) -> None:
    judge.measured(LineReading(450.0, 120.4, 40.0, False, "warning"), 5.0)
    health = judge.health(6.0, warnings=("meter 5 is lost",))
    assert health.state is BusState.IDLE
    assert health.warnings == ("the bus carries 120 percent of its load", "meter 5 is lost")


def test_each_fault_has_its_cause(judge: HealthJudge) -> None:
    judge.carried(carried(5, Garbled(b"\x00", Fault.BABBLE)), 0.0)
    assert judge.health(0.1).cause is Cause.NOISE
    judge.disconnected("unplugged")
    assert judge.health(0.1).cause is Cause.CONVERTER
    judge.connected()
    for outcome in (Ack(), Silence()):
        for address in (1, 2, 3):
            judge.carried(carried(address, outcome), 0.0)
    assert judge.health(0.1).cause is Cause.SILENT


def test_an_old_measurement_says_nothing(judge: HealthJudge) -> None:
    judge.measured(line(shut_down=True), 0.0)
    assert judge.health(60.0).state is BusState.IDLE
    assert judge.health(60.0).line is None


def test_a_line_that_is_never_quiet_is_a_fault_until_it_is(judge: HealthJudge) -> None:
    judge.carried(carried(5, Garbled(b"\x00", Fault.BABBLE)), 0.0)
    assert judge.health(0.1).state is BusState.FAULT
    judge.carried(carried(5, Silence()), 1.0)
    assert judge.health(5.0).state is BusState.IDLE


def test_meters_that_all_fall_silent_are_a_fault_of_the_bus(judge: HealthJudge) -> None:
    for address in (1, 2, 3):
        judge.carried(carried(address, Ack()), 0.0)
    for address in (1, 2, 3):
        assert judge.health(5.0).state is BusState.IDLE
        judge.carried(carried(address, Silence()), 1.0)
    assert judge.health(5.0).state is BusState.FAULT
    judge.carried(carried(2, Ack()), 2.0)
    assert judge.health(5.0).state is BusState.IDLE


def test_silence_of_addresses_that_never_answered_is_no_fault(judge: HealthJudge) -> None:
    for address in range(250):
        judge.carried(carried(address, Silence()), 0.0)
    assert judge.health(5.0).state is BusState.IDLE
