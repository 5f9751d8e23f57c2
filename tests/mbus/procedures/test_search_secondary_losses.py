"""Lost answers: what a search misses then, and what a thorough one still misses."""

import os
from statistics import mean

import pytest

from mbus.procedures.search_secondary import search_secondary
from mbussim.population import population
from support.selectbus import Collisions, SelectBus, drive

SEEDS = 1000 if os.environ.get("MBUS_LONG") else 100


def missed(seed: int, *, thorough: bool, collisions: Collisions = "clean") -> int:
    meters = population(60, "random", seed)
    found, _ = drive(search_secondary(thorough=thorough), SelectBus(meters, collisions, loss=0.01, seed=seed))
    addresses = {meter.secondary for meter in found}
    assert len(addresses) == len(found)
    assert addresses <= set(meters), "a meter that nobody put there"
    return len(meters) - len(found)


@pytest.mark.parametrize("collisions", ["clean", "garbled"])
def test_one_pass_misses_few_when_answers_get_lost(collisions: Collisions) -> None:
    assert mean(missed(seed, thorough=False, collisions=collisions) for seed in range(SEEDS // 2)) <= 0.5


@pytest.mark.parametrize("part", range(4))
def test_a_thorough_search_misses_next_to_nothing(part: int) -> None:
    # 100 seeds: one meter missed in all is what 0.01 in the mean allows.
    share = SEEDS // 4
    total = sum(missed(seed, thorough=True) for seed in range(part * share, (part + 1) * share))
    assert total <= max(1, 0.01 * share)


def test_meters_that_answer_three_times_of_four_are_found_by_a_thorough_search() -> None:
    meters = population(5, "sequential", 1)
    found, _ = drive(search_secondary(thorough=True, tries=8), SelectBus(meters, loss=0.25, seed=4))
    assert {meter.secondary for meter in found} == set(meters)
