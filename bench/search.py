"""What a secondary search costs in selects and requests, and what it misses when answers get lost."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import mean

from bench.figure import Figure, middle
from mbus.procedures.search_secondary import search_secondary
from mbussim.bus import Bus, Collisions
from mbussim.meter import Traits, plain_meters
from mbussim.population import population
from mbussim.search import Search, search_population
from mbussim.virtual import run
from support.selectbus import SelectBus, drive

SEEDS = 9
LOSS_SEEDS = 1000
REACH = {
    "random": {10: 58, 60: 350, 250: 1520},
    "sequential": {10: 24, 60: 165, 250: 605},
    "batches": {10: 70, 60: 200, 250: 635},
}


def figures() -> list[Figure]:
    """Measure all searches, on all processors."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [*_counts(pool), *_mixed(pool), *_minutes(pool), *_losses(pool)]


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


def _counts(pool: ProcessPoolExecutor) -> list[Figure]:
    rows = []
    for collisions in Collisions:
        wrong = 0
        for ids, reaches in REACH.items():
            for n, reach in reaches.items():
                runs = list(pool.map(partial(measure, ids, n, collisions), range(1, SEEDS + 1)))
                wrong += sum(errors for _, errors in runs)
                rows.append(
                    Figure(
                        f"{ids} ids, {n} meters, {collisions} collisions",
                        middle([cost for cost, _ in runs]),
                        reach,
                        f"selects + requests, median of {SEEDS}",
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


def _mixed(pool: ProcessPoolExecutor) -> list[Figure]:
    return [
        Figure(
            f"a mixed building, 250 meters, {collisions} collisions",
            middle(
                [
                    cost
                    for cost, _ in pool.map(partial(measure, "mixed", 250, collisions), range(1, SEEDS + 1))
                ]
            ),
            None,
            f"selects + requests, median of {SEEDS}",
        )
        for collisions in Collisions
    ]


def _minutes(pool: ProcessPoolExecutor) -> list[Figure]:
    return [
        Figure(
            f"random ids, 250 meters with 150-byte replies and 30 ms delay, 2400 baud, {collisions} collisions",
            middle(list(pool.map(partial(minutes, collisions), range(1, SEEDS + 1)))),
            None,
            f"bus minutes, median of {SEEDS}",
        )
        for collisions in Collisions
    ]


def _losses(pool: ProcessPoolExecutor) -> list[Figure]:
    rows, made_up = [], 0
    for thorough, reach in ((False, 0.5), (True, 0.01)):
        runs = list(pool.map(partial(missed, thorough), range(LOSS_SEEDS), chunksize=20))
        made_up += sum(phantoms for _, phantoms in runs)
        kind = "thorough" if thorough else "one pass"
        rows.append(
            Figure(
                f"missed of 60 with 1 % of answers lost, {kind}",
                mean(count for count, _ in runs),
                reach,
                f"meters, mean of {LOSS_SEEDS} seeds",
            )
        )
    rows.append(Figure("made up with answers lost", made_up, 0, "meters in all searches above"))
    return rows
