"""The secondary search of `mbus` on a made-up population in virtual time, and what it cost."""

from dataclasses import dataclass

from mbus.procedures.search_secondary import search_secondary
from mbussim.bus import Bus, Collisions
from mbussim.meter import Traits, plain_meters
from mbussim.population import population
from mbussim.virtual import run

TRAITS = Traits(delay=0.012, jitter=0.004)


@dataclass(frozen=True, slots=True)
class Search:
    """Who shall be searched, and under which conditions."""

    meters: int = 250
    ids: str = "random"
    seed: int = 1
    baud: int = 2400
    collisions: Collisions = Collisions.GARBLED
    loss: float = 0.0
    thorough: bool = False


def search_population(wanted: Search) -> dict[str, object]:
    """Run the search; raise `ValueError` for what cannot be."""
    present = population(wanted.meters, wanted.ids, wanted.seed)
    bus = Bus.of(
        plain_meters(present, traits=TRAITS),
        collisions=wanted.collisions,
        loss=wanted.loss,
        seed=wanted.seed,
    )
    result = run(search_secondary(thorough=wanted.thorough), bus, baud=wanted.baud)
    found = [meter.secondary for meter in result.result]
    right = set(found) & set(present)
    return {
        "meters": wanted.meters,
        "found": len(right),
        "phantoms": len(found) - len(right),
        "selects": result.counters.select,
        "requests": result.counters.request,
        "nke": result.counters.nke,
        "silence": result.counters.silence,
        "garbled": result.counters.garbled,
        "bus_seconds": round(result.bus_seconds, 3),
    }
