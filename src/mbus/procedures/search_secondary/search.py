"""The search itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mbus.addressing import WILDCARD, SecondaryAddress
from mbus.errors import GarbledAnswerError
from mbus.procedures.found import Found, FoundMeter, Progress
from mbus.procedures.search_secondary.probe import Finding, Prober, Verdict
from mbus.procedures.steps import Procedure

PATIENCE: Final = 3000
"""Transactions without a new meter after which a bus that still answers is taken for a babbling one."""

_MAKERS = ("KAM", "ABB")


@dataclass(slots=True)
class SearchState:
    """What a search has learned; handed in again, it goes on where it was stopped."""

    meters: list[FoundMeter] = field(default_factory=list)


def search_secondary(
    mask: SecondaryAddress = SecondaryAddress(),  # noqa: B008 - frozen
    *,
    known: Iterable[SecondaryAddress] = (),
    thorough: bool = False,
    tries: int = 2,
    state: SearchState | None = None,
) -> Procedure[list[FoundMeter]]:
    """Find every meter that `mask` selects."""
    search = _Search(Prober(tries), state or SearchState())
    yield from search.prober.deselect()
    for address in known:
        yield from search.examine(address)
    while True:
        before = len(search.state.meters)
        yield from search.resolve(mask)
        if not thorough or len(search.state.meters) == before:
            break
    yield from search.prober.deselect()
    return search.state.meters


class _Search:
    def __init__(self, prober: Prober, state: SearchState) -> None:
        self.prober = prober
        self.state = state

    def examine(self, mask: SecondaryAddress) -> Procedure[Finding]:
        finding = yield from self.prober.examine(mask)
        if self.prober.transactions - self.prober.last_meter_at > PATIENCE:
            raise GarbledAnswerError(
                f"{PATIENCE} requests without a new meter, yet the bus still answers at {mask}"
            )
        if finding.meter is not None:
            yield from self._store(finding.meter)
        return finding

    def _store(self, meter: FoundMeter) -> Procedure[None]:
        if all(meter.secondary != other.secondary or meter.secondary is None for other in self.state.meters):
            self.state.meters.append(meter)
            yield Found(meter)
        yield Progress(self.prober.transactions, 0, len(self.state.meters), "")

    def resolve(self, mask: SecondaryAddress, again: bool = False) -> Procedure[int]:
        finding = yield from self.examine(mask)
        if finding.verdict is Verdict.EMPTY:
            return 0
        if finding.verdict is Verdict.ALONE:
            return 1
        least = 2 if finding.verdict is Verdict.SEVERAL else 1
        position = mask.identification.find(WILDCARD)
        if position < 0:
            return 0
        count = 0
        silent = []
        for digit in "0123456789":
            child = mask.with_digit(position, digit)
            here = yield from self.resolve(child)
            count += here
            if not here:
                silent.append(child)
        for child in silent if count < least and not again else ():
            count += yield from self.resolve(child, True)
        for digit in "ABCDE" if count < least else "":
            count += yield from self.resolve(mask.with_digit(position, digit))
        return count
