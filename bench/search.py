"""What a secondary search costs in selects and requests, and what it misses when answers get lost."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import mean

from bench.effort import Effort
from bench.figure import Figure, middle
from mbus.procedures.search_secondary import search_secondary
from mbussim.bus import Bus, Collisions
from mbussim.meter import Traits, plain_meters
from mbussim.population import population
from mbussim.search import Search, search_population
from mbussim.virtual import run
from support.selectbus import SelectBus, drive

REACH = {
    "random": {10: 58, 60: 350, 250: 1520},
    "sequential": {10: 24, 60: 165, 250: 605},
    "batches": {10: 70, 60: 200, 250: 635},
}


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Measure all searches, on all processors."""
    seeds = range(1, effort.pick(9, 1, 1) + 1)
    sizes = effort.pick((10, 60, 250), (10, 60), (10,))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = _counts(pool, sizes, seeds)
        if effort is not Effort.LEAST:
            rows += [*_mixed(pool, seeds), *_minutes(pool, seeds)]
        return [*rows, *_losses(pool, effort.pick(1000, 100, 2))]


def measure(ids: str, n: int, collisions: str, seed: int) -> tuple[int, int]:
    """Search on the simulated bus; give selects and requests, and how many meters were missed or made up."""
    cost = search_population(Search(n, ids, seed, collisions=Collisions(collisions)))
    selects, requests, found, phantoms = (cost[key] for key in ("selects", "requests", "found", "phantoms"))
    assert isinstance(selects, int)
    assert isinstance(requests, int)
    assert isinstance(found, int)
    assert isinstance(phantoms, int)
    return selects + requests, n - found + phantoms


def missed(thorough: bool, seed: int) -> tuple[int, int]:
    """Search among 60 meters with 1 % of single answers lost; give what was missed, and what was made up."""
    meters = population(60, "random", seed)
    found, _ = drive(search_secondary(thorough=thorough), SelectBus(meters, loss=0.01, seed=seed))
    right = {meter.secondary for meter in found} & set(meters)
    return len(meters) - len(right), len(found) - len(right)


def _counts(pool: ProcessPoolExecutor, sizes: Sequence[int], seeds: Sequence[int]) -> list[Figure]:
    rows = []
    for collisions in Collisions:
        wrong = 0
        for ids, reaches in REACH.items():
            for n in sizes:
                runs = list(pool.map(partial(measure, ids, n, collisions), seeds))
                wrong += sum(errors for _, errors in runs)
                rows.append(
                    Figure(
                        f"{ids} ids, {n} meters, {collisions} collisions",
                        middle([cost for cost, _ in runs]),
                        reaches[n],
                        f"selects + requests, median of {len(seeds)}",
                    )
                )
        rows.append(
            Figure(f"missed or made up, {collisions} collisions", wrong, 0, "meters in all searches above")
        )
    return rows


def minutes(collisions: str, seed: int) -> float:
    """Give the bus minutes of a search among 250 meters with random ids, 150-byte replies, 30 ms delay, at 2400 baud."""
    meters = plain_meters(population(250, "random", seed), reply_bytes=150, traits=Traits(delay=0.030))
    return (
        run(search_secondary(), Bus.of(meters, collisions=collisions, seed=seed), baud=2400).bus_seconds / 60
    )


def _mixed(pool: ProcessPoolExecutor, seeds: Sequence[int]) -> list[Figure]:
    return [
        Figure(
            f"a mixed building, 250 meters, {collisions} collisions",
            middle([cost for cost, _ in pool.map(partial(measure, "mixed", 250, collisions), seeds)]),
            None,
            f"selects + requests, median of {len(seeds)}",
        )
        for collisions in Collisions
    ]


def _minutes(pool: ProcessPoolExecutor, seeds: Sequence[int]) -> list[Figure]:
    return [
        Figure(
            f"random ids, 250 meters with 150-byte replies and 30 ms delay, 2400 baud, {collisions} collisions",
            middle(list(pool.map(partial(minutes, collisions), seeds))),
            None,
            f"bus minutes, median of {len(seeds)}",
        )
        for collisions in Collisions
    ]


def _losses(pool: ProcessPoolExecutor, seeds: int) -> list[Figure]:
    rows, made_up = [], 0
    for thorough, reach in ((False, 0.5), (True, 0.01)):
        runs = list(pool.map(partial(missed, thorough), range(seeds), chunksize=20))
        made_up += sum(phantoms for _, phantoms in runs)
        kind = "thorough" if thorough else "one pass"
        rows.append(
            Figure(
                f"missed of 60 with 1 % of answers lost, {kind}",
                mean(count for count, _ in runs),
                reach,
                f"meters, mean of {seeds} seeds",
            )
        )
    rows.append(Figure("made up with answers lost", made_up, 0, "meters in all searches above"))
    return rows
