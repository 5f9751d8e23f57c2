"""The search on the bus of bits, delays and jitter costs what it costs on the small model of selections."""

import pytest

from mbus.procedures.search_secondary import search_secondary
from mbussim.bus import Collisions
from mbussim.population import population
from mbussim.search import Search, search_population
from support.selectbus import SelectBus, drive


@pytest.mark.parametrize("ids", ["random", "sequential", "batches"])
@pytest.mark.parametrize("collisions", ["clean", "garbled", "filtered"])
def test_two_independent_buses_agree_on_what_a_search_costs(ids: str, collisions: str) -> None:
    for seed in (1, 2):
        meters = population(60, ids, seed)
        found, counters = drive(search_secondary(), SelectBus(meters, collisions))  # type: ignore[arg-type]
        wire = search_population(Search(60, ids, seed, collisions=Collisions(collisions)))
        assert (wire["found"], wire["phantoms"], len(found)) == (60, 0, 60)
        cost = counters.select + counters.request
        assert wire["selects"] + wire["requests"] == pytest.approx(cost, rel=0.1)  # type: ignore[operator]
