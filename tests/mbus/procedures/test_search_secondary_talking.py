"""Meters that still talk, or begin to, while the search goes on: who sends hears no selection, and its silence is no fact."""

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from mbus.addressing import SecondaryAddress
from mbus.link import timing
from mbus.procedures.search_secondary import search_secondary
from mbussim.bus import Bus
from mbussim.demo import modelled_meters, with_recorded
from mbussim.disturbance import Answer
from mbussim.meter import Meter, Traits, plain_meters
from mbussim.population import population
from mbussim.slave import Slave
from mbussim.virtual import VirtualMaster
from support.needs import shared_telegrams

IN_CI = bool(os.environ.get("CI"))
SEEDS = range(50 if IN_CI else 2)
ALL_COLLISIONS = pytest.mark.parametrize("collisions", ["clean", "garbled", "filtered"])
BREAKS = pytest.mark.parametrize(
    "repeats", [True, False] if IN_CI else [False], ids=lambda repeats: f"repeats={repeats}"
)


@dataclass(slots=True)
class Uneven(Bus):
    """Acknowledgements too begin whenever each meter is ready."""

    def _arrange(self, given: list[tuple[Slave, bytes]], end: float, baud: int) -> list[Answer]:
        return [
            Answer(end + slave.meter.traits.answer_delay(baud, self._chance.random()), data, baud, slave)
            for slave, data in given
        ]


def found_on(bus: Bus, baud: int = 2400, *, most: int) -> set[SecondaryAddress | None]:
    """Search; nobody may be found twice, and at most so many selects and requests be needed."""
    run = VirtualMaster(bus, baud).run(search_secondary())
    addresses = [meter.secondary for meter in run.result]
    assert len(set(addresses)) == len(addresses)
    assert run.counters.select + run.counters.request <= most
    return set(addresses)


def unhurried(addresses: Iterable[SecondaryAddress], seed: int, baud: int) -> list[Meter]:
    """Give meters whose delays fill the lawful window, each with some jitter, and whose readings are short and long."""
    chance = random.Random(seed)
    meters: list[Meter] = []
    for meter in plain_meters(addresses):
        delay = chance.uniform(timing.bits(timing.EARLIEST_ANSWER_BITS, baud), timing.answer_window(baud))
        meter.reply_bytes = chance.randint(25, 255)
        meters.append(replace(meter, traits=Traits(delay=delay, jitter=0.02)))
    return meters


@ALL_COLLISIONS
@BREAKS
def test_finds_a_building_of_real_meters_whatever_the_uart_makes_of_a_break(
    collisions: str, repeats: bool
) -> None:
    began = datetime(2026, 7, 28, 12, 0)
    meters, _ = with_recorded(modelled_meters(14, "random", 1, began), shared_telegrams() / "good")
    bus = Bus.of(meters, collisions=collisions, seed=1)
    bus.set_break(repeats=repeats)
    assert found_on(bus, most=1200) == {meter.secondary for meter in meters}


@ALL_COLLISIONS
@BREAKS
@pytest.mark.parametrize("baud", [300, 2400, 9600])
def test_finds_meters_that_answer_anywhere_in_the_lawful_window(
    collisions: str, repeats: bool, baud: int
) -> None:
    for seed in SEEDS:
        addresses = population(60, "random", seed)
        bus = Bus.of(unhurried(addresses, seed, baud), collisions=collisions, seed=seed)
        bus.set_break(repeats=repeats)
        assert found_on(bus, baud, most=800) == set(addresses)


@BREAKS
def test_finds_meters_whose_acknowledgements_come_one_after_the_other(repeats: bool) -> None:
    for seed in SEEDS:
        addresses = population(60, "random", seed)
        bus = Uneven.of(unhurried(addresses, seed, 2400), seed=seed)
        bus.set_break(repeats=repeats)
        assert found_on(bus, most=2500) == set(addresses)
