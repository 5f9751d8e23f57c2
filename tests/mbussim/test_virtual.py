import pytest

from mbus.application.commands import req_ud2, select, snd_nke
from mbus.link.transaction import Ack, Garbled, Reply, Silence
from mbus.procedures.found import Progress
from mbus.procedures.steps import BaudChange, Expects, Note, Outcome, Pause, Procedure, Request
from mbussim.bus import Bus
from mbussim.meter import plain_meters
from mbussim.population import population
from mbussim.virtual import VirtualMaster, run


def a_bus(n: int = 3, **options: object) -> Bus:
    return Bus.of(plain_meters(population(n, "random", 1)), **options)  # type: ignore[arg-type]


def one(request: Request) -> Procedure[Outcome | None]:
    return (yield request)


def test_a_reading_costs_the_physical_bound() -> None:
    result = run(one(Request(req_ud2(1, fcb=True), Expects.RESPONSE)), a_bus())
    assert isinstance(result.result, Reply)
    assert result.bus_seconds == pytest.approx((55 + 11 + 1100 + 33) / 2400)
    assert result.counters.request == 1


def test_silence_costs_the_answer_window_and_the_character_that_may_begin_at_its_end() -> None:
    result = run(one(Request(snd_nke(99), Expects.ACK)), a_bus(), baud=300)
    assert result.result == Silence()
    assert result.bus_seconds == pytest.approx((55 + 330 + 11) / 300 + 0.05)


def test_a_longer_window_is_waited_out() -> None:
    result = run(one(Request(snd_nke(99), Expects.ACK, timeout=2.0)), a_bus())
    assert result.bus_seconds == pytest.approx((55 + 11) / 2400 + 2.0)


def test_a_broadcast_costs_its_own_time_and_the_quiet_behind_it() -> None:
    result = run(one(Request(snd_nke(255), Expects.NOTHING)), a_bus())
    assert result.bus_seconds == pytest.approx((55 + 33) / 2400)


@pytest.mark.parametrize(
    ("collisions", "kinds"),
    [("clean", [Ack, Garbled]), ("garbled", [Garbled, Garbled]), ("filtered", [Ack, Silence])],
)
def test_a_wildcard_selection_of_many_looks_as_the_collisions_are_set(
    collisions: str, kinds: list[type[Outcome]]
) -> None:
    def ask() -> Procedure[list[Outcome | None]]:
        mask = population(3, "random", 1)[0].__class__()
        first = yield Request(select(mask), Expects.ACK)
        second = yield Request(req_ud2(0xFD, fcb=True), Expects.RESPONSE)
        return [first, second]

    result = run(ask(), a_bus(collisions=collisions))
    assert [type(outcome) for outcome in result.result] == kinds


def test_pauses_and_rates_and_notes_are_carried_out() -> None:
    notes: list[Note] = []

    def steps() -> Procedure[Outcome | None]:
        yield Pause(2.0)
        yield Progress(1, 2, 3, "somewhere")
        yield BaudChange(9600)
        return (yield Request(snd_nke(1), Expects.ACK))

    result = run(steps(), a_bus(), watch=notes.append)
    assert result.result == Ack()
    assert result.bus_seconds == pytest.approx(2.0 + 33 / 9600 + (55 + 11 + 11 + 33) / 9600)
    assert notes == [Progress(1, 2, 3, "somewhere")]


def test_a_late_answer_falls_into_the_next_request() -> None:
    from mbussim.faults import Fault

    bus = a_bus()
    disturbance = Fault.from_text("late=0.01,meter=1").disturbance()
    assert disturbance is not None
    bus.disturbances.append(disturbance)
    master = VirtualMaster(bus)
    assert master.run(one(Request(snd_nke(1), Expects.ACK))).result == Silence()
    outcome = master.run(one(Request(snd_nke(99), Expects.ACK))).result
    assert outcome == Silence(late=b"\xe5")


def test_the_clock_runs_on_from_one_procedure_to_the_next_and_each_counts_for_itself() -> None:
    master = VirtualMaster(a_bus())
    first = master.run(one(Request(snd_nke(1), Expects.ACK)))
    second = master.run(one(Request(snd_nke(1), Expects.ACK)))
    assert master.now == pytest.approx(first.bus_seconds + second.bus_seconds)
    assert second.counters.nke == 1


def test_what_a_procedure_raises_is_passed_on() -> None:
    def failing() -> Procedure[None]:
        yield Request(snd_nke(1), Expects.ACK)
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        run(failing(), a_bus())
