"""Counts of the search on the three populations of the reach table, in the three ways that collisions show."""

from statistics import median

import pytest

from mbus.procedures.search_secondary import search_secondary
from mbussim.population import population
from support.selectbus import SHORT, USUAL, Collisions, SelectBus, drive

SEEDS = range(1, 10)
REACH = [
    ("random", 10, 54),
    ("random", 60, 303),
    ("random", 250, 1398),
    ("sequential", 10, 23),
    ("sequential", 60, 142),
    ("sequential", 250, 556),
    ("batches", 10, 49),
    ("batches", 60, 177),
    ("batches", 250, 595),
    ("mixed", 250, 889),
]
"""The promised numbers, for readings of the usual length."""
REACH_SHORT = [
    ("random", 10, 58),
    ("random", 60, 350),
    ("random", 250, 1520),
    ("sequential", 10, 24),
    ("sequential", 60, 165),
    ("sequential", 250, 605),
    ("batches", 10, 70),
    ("batches", 60, 200),
    ("batches", 250, 635),
]
"""Where readings are short, time is saved by asking for more of them."""


def cost(ids: str, n: int, seed: int, collisions: Collisions, reply_bytes: int = USUAL) -> int:
    """Selects and requests of a search that finds every meter, once, and nobody else."""
    meters = population(n, ids, seed)
    found, counters = drive(search_secondary(), SelectBus(meters, collisions, reply_bytes=reply_bytes))
    addresses = [meter.secondary for meter in found]
    assert len(addresses) == n
    assert set(addresses) == set(meters)
    assert all(meter.reply is not None for meter in found)
    assert counters.nke == 2
    return counters.select + counters.request


@pytest.mark.parametrize(("ids", "n", "reach"), REACH)
def test_finds_all_within_reach_where_several_e5_look_like_one(ids: str, n: int, reach: int) -> None:
    assert median(cost(ids, n, seed, "clean") for seed in SEEDS) <= reach


@pytest.mark.parametrize(("ids", "n", "reach"), REACH)
def test_finds_all_within_reach_where_collisions_show_at_the_select(ids: str, n: int, reach: int) -> None:
    assert median(cost(ids, n, seed, "garbled") for seed in SEEDS) <= reach


@pytest.mark.parametrize(("ids", "n", "reach"), REACH)
def test_finds_all_within_reach_behind_a_gateway_that_swallows_collided_replies(
    ids: str, n: int, reach: int
) -> None:
    assert median(cost(ids, n, seed, "filtered") for seed in SEEDS) <= reach


@pytest.mark.parametrize(("ids", "n", "reach"), REACH_SHORT)
def test_finds_all_in_not_many_more_questions_where_readings_are_short(ids: str, n: int, reach: int) -> None:
    assert median(cost(ids, n, seed, "clean", SHORT) for seed in SEEDS) <= reach


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("collisions", ["clean", "garbled", "filtered"])
def test_finds_all_of_very_few(n: int, collisions: Collisions) -> None:
    for seed in range(30):
        cost("random", n, seed, collisions)


def test_asks_an_empty_bus_no_more_than_it_must() -> None:
    assert cost("random", 0, 1, "clean") <= 3


def test_reads_a_single_meter_with_one_select_and_one_request() -> None:
    assert cost("random", 1, 1, "clean") <= 2
