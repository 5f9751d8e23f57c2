"""Procedures against simulated meters: other code, written from the same standard, judges them."""

from datetime import datetime, timedelta

import pytest

from mbus.addressing import SecondaryAddress
from mbus.errors import AddressError, ProcedureError, VerificationError
from mbus.link.station import Stations
from mbus.procedures.address import set_address
from mbus.procedures.baud import find_baud, switch_baud
from mbus.procedures.clock import set_clock
from mbus.procedures.found import FoundMeter, Unclear
from mbus.procedures.identity import set_identity
from mbus.procedures.read import Target, read, read_secondary
from mbus.procedures.reading import whole
from mbus.procedures.reset import reset_application
from mbus.procedures.search_primary import search_primary
from mbus.procedures.steps import Note
from mbussim.bus import Bus
from mbussim.demo import modelled_meters
from mbussim.faults import Fault
from mbussim.installation import Installation
from mbussim.meter import Meter, PlainMeter, Traits, plain_meters
from mbussim.population import population
from mbussim.virtual import VirtualMaster

BEGAN = datetime(2026, 7, 28, 12, 0)
ROUNDS = 6


def modelled(count: int = 14) -> list[Meter]:
    return modelled_meters(count, "random", 1, BEGAN)


def number_of(meter: Meter) -> str:
    assert meter.secondary is not None
    return meter.secondary.identification


@pytest.mark.parametrize("baud", [300, 2400, 9600])
def test_every_model_is_found_and_read_whole(baud: int) -> None:
    meters = [meter for meter in modelled() if baud in meter.traits.rates]
    master = VirtualMaster(Bus.of(meters), baud)
    stations = Stations()
    found: list[FoundMeter] = master.run(search_primary(0, 20, stations=stations)).result
    assert [meter.primary for meter in found] == [meter.primary for meter in meters]
    for meter in meters:
        reading = master.run(read(meter.primary, stations)).result
        assert len(reading.frames) == meter.telegrams
        assert reading.secondary is None or reading.secondary.identification == number_of(meter)
        assert [telegram.more_follows for telegram in whole(reading)][-1] is False


def test_every_model_is_read_by_its_secondary_address_one_after_the_other() -> None:
    meters = modelled()
    master = VirtualMaster(Bus.of(meters))
    stations = Stations()
    for meter in meters * 2:
        assert meter.secondary is not None
        reading = master.run(read(meter.secondary, stations)).result
        assert reading.primary == meter.primary
        assert len(reading.frames) == meter.telegrams


def test_a_round_of_known_meters_needs_no_initialisation() -> None:
    meters = plain_meters(population(20, "random", 1))
    master = VirtualMaster(Bus.of(meters))
    stations = Stations()
    for expected in (20, 0, 0):
        count = 0
        for meter in meters:
            count += master.run(read(meter.primary, stations)).counters.nke
        assert count == expected


def test_two_meters_at_one_address_are_told_as_unclear() -> None:
    meters = plain_meters(population(3, "random", 1))
    meters[1].primary = meters[0].primary
    notes: list[Note] = []
    found = VirtualMaster(Bus.of(meters), watch=notes.append).run(search_primary(0, 10)).result
    assert [meter.primary for meter in found] == [meters[2].primary]
    assert [note.primary for note in notes if isinstance(note, Unclear)] == [meters[0].primary]


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.02, 0.05, 0.1])
def test_a_search_finds_meters_that_answer_after_the_window(seconds: float) -> None:
    meters = plain_meters(population(8, "random", 1))
    for index, meter in enumerate(meters):
        meter.primary = 1 + 3 * index
    installation = Installation(Bus.of(meters))
    installation.add_fault(Fault.from_text(f"late={seconds},meter=7"))
    found = VirtualMaster(installation.bus).run(search_primary(0, 30)).result
    assert [meter.primary for meter in found] == [meter.primary for meter in meters]


@pytest.mark.parametrize(
    "fault",
    [
        "loss=0.2",
        "noise=0.3",
        "late=0.03,probability=0.3",
        "late=0.3,probability=0.3",
        "slow=0.05",
        "checksum,probability=0.3",
        "foreign,probability=0.3",
        "stuck-fcb,probability=0.5",
        "echo",
    ],
)
@pytest.mark.parametrize("by_secondary", [False, True])
def test_whatever_is_wrong_no_reading_is_of_another_meter(fault: str, by_secondary: bool) -> None:
    meters = plain_meters(population(12, "random", 3))
    installation = Installation(Bus.of(meters, seed=5))
    installation.add_fault(Fault.from_text(fault))
    master, stations = VirtualMaster(installation.bus), Stations()
    read_well = 0
    for meter in meters * ROUNDS:
        target: Target = meter.secondary if by_secondary else meter.primary
        try:
            reading = master.run(read(target, stations)).result
        except ProcedureError:
            continue
        assert reading.secondary == meter.secondary
        assert reading.primary == meter.primary
        read_well += 1
    assert read_well > len(meters) * ROUNDS / 4


@pytest.mark.parametrize("remembered", [True, False])
def test_every_reading_is_fresh_whatever_the_meters_forgot(remembered: bool) -> None:
    meters = modelled(10)
    master, stations = VirtualMaster(Bus.of(meters)), Stations()
    access_numbers: dict[int, list[int]] = {meter.primary: [] for meter in meters}
    for _ in range(4):
        for meter in meters:
            header = whole(master.run(read(meter.primary, stations)).result)[0].header
            assert header is not None
            access_numbers[meter.primary].append(header.access_number)
        master.bus.lose_power()
        if not remembered:
            stations.forget()
    assert all(len(set(numbers)) == 4 for numbers in access_numbers.values())


def test_an_address_is_changed_where_it_is_free() -> None:
    meters = modelled(3)
    master, stations = VirtualMaster(Bus.of(meters)), Stations()
    first = meters[0]
    reading = master.run(set_address(first.primary, 99, stations)).result
    assert (reading.primary, first.primary) == (99, 99)
    assert first.secondary is not None
    assert master.run(set_address(first.secondary, 98, stations)).result.primary == 98
    with pytest.raises(AddressError, match="taken"):
        master.run(set_address(98, meters[1].primary, stations))
    assert first.primary == 98


def test_an_identity_is_changed_and_proven() -> None:
    meter = modelled(1)[0]
    master = VirtualMaster(Bus.of([meter]))
    new = SecondaryAddress("87654321", 0x2C2D, 0x35, 0x04)
    assert master.run(set_identity(meter.primary, "11223344", Stations())).result.secondary == meter.secondary
    assert number_of(meter) == "11223344"
    assert meter.secondary is not None
    assert master.run(set_identity(meter.secondary, new, Stations())).result.secondary == new


def test_every_clock_that_is_sent_is_set_and_read_back() -> None:
    meters = modelled()
    master, stations = VirtualMaster(Bus.of(meters)), Stations()
    when = BEGAN + timedelta(days=100, hours=3)
    moved = 0
    for meter in meters:
        assert meter.secondary is not None
        done = master.run(set_clock(meter.secondary, when, stations)).result
        if done.before is not None and done.after is not None:
            assert abs(done.before - BEGAN) < timedelta(hours=1)
            assert abs(done.after - when) <= timedelta(minutes=2)
            moved += 1
    assert moved >= 8


def test_an_application_reset_leaves_the_meter_readable() -> None:
    meters = modelled(2)
    master, stations = VirtualMaster(Bus.of(meters)), Stations()
    assert master.run(reset_application(meters[1].primary, stations)).result.primary == meters[1].primary
    assert master.run(read(meters[1].primary, stations)).result.frames


def plain(traits: Traits) -> PlainMeter:
    return PlainMeter(5, population(1, "random", 1)[0], traits=traits)


def test_a_meter_that_can_switch_its_rate_does() -> None:
    meter = plain(Traits(frozenset((2400, 9600)), switchable=True))
    master, stations = VirtualMaster(Bus.of([meter])), Stations()
    assert master.run(switch_baud(5, 9600, stations, current=2400)).result.secondary == meter.secondary
    assert master.baud == 2400
    assert meter.secondary is not None


def test_a_meter_that_only_acknowledges_a_switch_is_found_out() -> None:
    meter = plain(Traits(frozenset((2400,))))
    master = VirtualMaster(Bus.of([meter]))
    with pytest.raises(VerificationError, match="still answers at 2400"):
        master.run(switch_baud(5, 9600, Stations(), current=2400))
    assert master.baud == 2400


@pytest.mark.parametrize("rates", [(300,), (2400,), (300, 2400, 9600), ()])
def test_the_rates_of_a_meter_are_found(rates: tuple[int, ...]) -> None:
    meter = plain(Traits(frozenset(rates)))
    assert VirtualMaster(Bus.of([meter])).run(find_baud(5, Stations(), current=2400)).result == rates


def test_a_wildcard_that_fits_several_meters_gives_nobodys_reading() -> None:
    meters = plain_meters(population(5, "random", 1))
    with pytest.raises(ProcedureError):
        VirtualMaster(Bus.of(meters)).run(read_secondary(SecondaryAddress(), Stations()))
