from itertools import pairwise

import pytest

from mbus.addressing import SecondaryAddress
from mbussim.population import population


def numbers(addresses: tuple[SecondaryAddress, ...]) -> list[int]:
    return sorted(int(address.identification) for address in addresses)


def runs(values: list[int]) -> list[int]:
    """Lengths of the stretches of consecutive numbers."""
    lengths = [1]
    for before, after in pairwise(values):
        if after == before + 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


@pytest.mark.parametrize("ids", ["random", "sequential", "batches", "mixed"])
@pytest.mark.parametrize("n", [0, 1, 10, 250])
def test_gives_as_many_different_unique_addresses_as_asked(n: int, ids: str) -> None:
    found = population(n, ids, seed=3)
    assert len({address.identification for address in found}) == n
    assert all(address.is_unique for address in found)


def test_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert population(20, "batches", seed=1) == population(20, "batches", seed=1)
    assert population(20, "batches", seed=1) != population(20, "batches", seed=2)


def test_sequential_ids_are_one_run() -> None:
    assert runs(numbers(population(60, "sequential", seed=5))) == [60]


def test_batches_are_two_runs() -> None:
    assert sorted(runs(numbers(population(61, "batches", seed=5)))) == [30, 31]


def test_a_mixed_building_has_runs_gaps_and_strangers() -> None:
    lengths = runs(numbers(population(250, "mixed", seed=5)))
    assert max(lengths) == 70
    assert lengths.count(1) >= 45


def test_few_makes_share_a_bus() -> None:
    assert len({address.manufacturer for address in population(250, "random", seed=1)}) <= 6


def test_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="sequential"):
        population(3, "funny", seed=1)
    with pytest.raises(ValueError, match="not -1"):
        population(-1, "random", seed=1)
