"""What a secondary search costs in selects and requests, and what it misses when answers get lost."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import mean
from time import process_time

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
    ("random", 10): 54,
    ("random", 60): 303,
    ("random", 250): 1398,
    ("sequential", 10): 23,
    ("sequential", 60): 142,
    ("sequential", 250): 556,
    ("batches", 10): 49,
    ("batches", 60): 177,
    ("batches", 250): 595,
    ("mixed", 250): 889,
}
REACH_GARBLED = REACH | {("random", 10): 48, ("random", 60): 285, ("random", 250): 1230}
"""Where collisions show at the select already."""


def figures(effort: Effort = Effort.FULL) -> list[Figure]:
    """Measure all searches, on all processors."""
    seeds = range(1, effort.pick(21, 1, 1) + 1)
    sizes = effort.pick((10, 60, 250), (10, 60), (10,))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = _counts(pool, sizes, seeds)
        if effort is not Effort.LEAST:
            rows += _minutes(pool, seeds)
        rows += _losses(pool, effort.pick(1000, 100, 2))
    # Alone on the machine, as far as it is up to the bench.
    return rows if effort is Effort.LEAST else [*rows, _processor(seeds)]


def measure(ids: str, n: int, collisions: str, seed: int) -> tuple[int, int]:
    """Search on the simulated bus; give selects and requests, and how many meters were missed or made up."""
    cost = search_population(Search(n, ids, seed, collisions=Collisions(collisions)))
    selects, requests, found, phantoms = (cost[key] for key in ("selects", "requests", "found", "phantoms"))
    assert isinstance(selects, int)
    assert isinstance(requests, int)
    assert isinstance(found, int)
    assert isinstance(phantoms, int)
    return selects + requests, n - found + phantoms


@dataclass(frozen=True, slots=True)
class Loss:
    """What a search on a bus that loses answers missed, made up and cost."""

    missed: int
    made_up: int
    transactions: int


def with_losses(thorough: bool, collided_loss: float, seed: int) -> Loss:
    """Search among 60 meters with 1 % of single answers lost, and such a share of collided acknowledgements."""
    meters = population(60, "random", seed)
    bus = SelectBus(meters, loss=0.01, collided_loss=collided_loss, seed=seed)
    found, counters = drive(search_secondary(thorough=thorough), bus)
    right = {meter.secondary for meter in found} & set(meters)
    return Loss(len(meters) - len(right), len(found) - len(right), counters.select + counters.request)


def processor_seconds(seed: int) -> float:
    """Give what a search among 250 meters with random ids takes of a processor, a simple model of the bus included."""
    bus = SelectBus(population(250, "random", seed))
    began = process_time()
    drive(search_secondary(), bus)
    return process_time() - began


def _counts(pool: ProcessPoolExecutor, sizes: Sequence[int], seeds: Sequence[int]) -> list[Figure]:
    rows = []
    for collisions in Collisions:
        wrong = 0
        reaches = REACH_GARBLED if collisions is Collisions.GARBLED else REACH
        for (ids, n), reach in reaches.items():
            if n not in sizes:
                continue
            runs = list(pool.map(partial(measure, ids, n, collisions), seeds))
            wrong += sum(errors for _, errors in runs)
            costs = [cost for cost, _ in runs]
            what = f"{ids} ids, {n} meters, {collisions} collisions"
            how = f"selects + requests, median of {len(seeds)} (mean {mean(costs):.0f}, most {max(costs)})"
            rows.append(Figure(what, middle(costs), reach, how))
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


def _minutes(pool: ProcessPoolExecutor, seeds: Sequence[int]) -> list[Figure]:
    rows = []
    for collisions in Collisions:
        runs = list(pool.map(partial(minutes, collisions), seeds))
        what = f"random ids, 250, replies of 150 bytes, 30 ms delay, 2400 baud, {collisions} collisions"
        rows.append(
            Figure(what, middle(runs), 8.2, f"bus minutes, median of {len(seeds)} (mean {mean(runs):.3g})")
        )
    return rows


def _losses(pool: ProcessPoolExecutor, seeds: int) -> list[Figure]:
    rows, made_up = [], 0
    for collided, also in ((0.0, ""), (0.01, " and collided E5s")):
        cost = dict.fromkeys((False, True), 0.0)
        for thorough, reach in ((False, 0.35), (True, 0.005)):
            runs = list(pool.map(partial(with_losses, thorough, collided), range(seeds), chunksize=20))
            made_up += sum(run.made_up for run in runs)
            cost[thorough] = mean(run.transactions for run in runs)
            kind = "thorough" if thorough else "one pass"
            what = f"missed of 60 with 1 % of answers{also} lost, {kind}"
            # Promised where single answers are lost; the other is there to compare.
            held = None if collided else reach
            rows.append(
                Figure(what, mean(run.missed for run in runs), held, f"meters, mean of {seeds} seeds")
            )
        rows.append(
            Figure(
                f"thorough search with 1 % of answers{also} lost",
                cost[True],
                None if collided else 480,
                f"selects + requests, mean of {seeds}; {cost[True] - cost[False]:.0f} to ask silent masks again",
            )
        )
    rows.append(Figure("made up with answers lost", made_up, 0, "meters in all searches above"))
    return rows


def _processor(seeds: Sequence[int]) -> Figure:
    runs = [processor_seconds(seed) for seed in seeds]
    how = f"s, median of {len(seeds)} (most {max(runs):.2g})"
    return Figure("processor for random ids, 250 meters", middle(runs), 2, how)
