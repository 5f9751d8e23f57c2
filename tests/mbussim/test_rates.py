import pytest

from mbus.application.commands import set_baud
from mbussim.bus import Bus
from mbussim.meter import PlainMeter, Traits
from mbussim.population import population

NKE_1 = bytes.fromhex("1040014116")
TO_9600 = set_baud(1, 9600).to_bytes()


def a_bus(*, switchable: bool = True) -> Bus:
    (identity,) = population(1, "random", 1)
    traits = Traits(rates=frozenset((2400,)), switchable=switchable)
    return Bus.of([PlainMeter(1, identity, traits=traits)])


def answers(bus: Bus, request: bytes, at: float, baud: int) -> bool:
    bus.transmit(request, at, baud)
    return bool(bus.receive(at + 1))


def test_a_switch_is_acknowledged_at_the_old_rate() -> None:
    bus = a_bus()
    end = bus.transmit(TO_9600, 0, 2400)
    span = bus.next_span()
    assert span is not None
    assert span[0] == pytest.approx(end + 22 / 2400)


def test_the_old_rate_is_heard_until_a_telegram_at_the_new_one_confirms_it() -> None:
    bus = a_bus()
    answers(bus, TO_9600, 0, 2400)
    assert answers(bus, NKE_1, 5, 2400)
    assert answers(bus, NKE_1, 10, 9600)
    assert not answers(bus, NKE_1, 15, 2400)
    assert answers(bus, NKE_1, 20, 9600)


def test_without_a_telegram_at_the_new_rate_the_meter_falls_back() -> None:
    bus = a_bus()
    answers(bus, TO_9600, 0, 2400)
    assert not answers(bus, NKE_1, 700, 9600)
    assert answers(bus, NKE_1, 710, 2400)


def test_a_broadcast_switches_without_an_answer() -> None:
    bus = a_bus()
    assert not answers(bus, bytes.fromhex("6803036853FFBD0F16"), 0, 2400)
    assert answers(bus, NKE_1, 5, 9600)


def test_a_meter_that_detects_the_rate_itself_acknowledges_and_ignores() -> None:
    bus = a_bus(switchable=False)
    assert answers(bus, TO_9600, 0, 2400)
    assert not answers(bus, NKE_1, 5, 9600)
    assert answers(bus, NKE_1, 10, 2400)
