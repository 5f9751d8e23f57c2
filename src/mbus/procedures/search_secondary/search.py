"""The search: puts the planner's questions, and does not rest before what is proven is also found.

A sweep settles every open cell under a mask once. What stays unexplained after it is swept again, and then with the hex digits
too: a mask that answered without a meter found in it to account for that, or bytes that came too late. A thorough search asks
again for everything that was silent, until that brings nothing new.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.header import fits, identity_of
from mbus.errors import GarbledAnswerError
from mbus.procedures.found import Found, FoundMeter, Progress
from mbus.procedures.search_secondary.costs import Outlook, prices
from mbus.procedures.search_secondary.masks import (
    HEXADECIMAL,
    Mask,
    fix,
    free_positions,
    mask_of,
    number_of,
    overlap,
    volume,
)
from mbus.procedures.search_secondary.model import FEW
from mbus.procedures.search_secondary.probe import UNKNOWN, Finding, Prober, Verdict
from mbus.procedures.search_secondary.separate import (
    BESIDE,
    EQUAL_ADDRESSES,
    UNHEARD,
    likely_parts,
    other_parts,
)
from mbus.procedures.search_secondary.state import SearchState, Sweep
from mbus.procedures.steps import Procedure, tell

NOBODY: Final = SecondaryAddress("EEEEEEEE", 0x7FFF, 0xFE, 0xFE)
"""An address that no meter has: a bus that answers it says nothing with any answer."""
CONTROLS: Final = 3
"""Times that nobody must answer in a row to prove a babbling bus."""
FRUITLESS: Final = 25
"""Answered masks in a row without a new meter, after which nobody is asked."""
HOPELESS: Final = 500
"""Answered masks in a row without a new meter, after which the search is given up."""
LONG: Final = 1000
"""Transactions after which nobody is asked, whatever was found."""
MOST_TRANSACTIONS: Final = 40_000
"""No bus needs as many: a thorough search for 1,250 meters with random identifications takes about half."""
INSURANCE: Final = 0.03
"""Share of the transactions that may be spent on looking for hex digits where nothing points to them."""
WORTH_INSURING: Final = 0.3
"""A digit that this share of all identifications was split on is worth that look."""

ANY_METER: Final = SecondaryAddress()
CERTAIN: Final = Outlook(0.0, 1.0)


def search_secondary(
    mask: SecondaryAddress = ANY_METER,
    *,
    known: Iterable[SecondaryAddress] = (),
    thorough: bool = False,
    tries: int = 2,
    state: SearchState | None = None,
) -> Procedure[list[FoundMeter]]:
    """Find every meter that `mask` selects, in few transactions (DESIGN 5.3); yields `Found` and `Progress` notes.

    :param known: meters expected from earlier; asked for first, by their full address.
    :param thorough: ask again for everything silent until that brings nothing new, against lost answers.
    :param tries: how often a question is put whose answer is poor or surprising, at least 1.
    :param state: collects what is learned; where a search was stopped, another goes on with the same object.
    :raises GarbledAnswerError: the bus answers on and on, and nothing readable. `state.meters` has what was found till then.
    """
    search = _Search(max(1, tries), SearchState() if state is None else state)
    yield from search.prober.deselect()
    yield from search.verify(known)
    yield from search.run(mask, thorough)
    yield from search.prober.deselect()
    return list(search.state.meters)


class _Search:
    def __init__(self, tries: int, state: SearchState) -> None:
        self.prober = Prober(tries, state.belated)
        self.state = state
        self._fruitless = 0
        self._last_control = 0
        self._left = 1
        self._waiting = 0
        self._addresses = {meter.secondary for meter in state.meters if meter.secondary is not None}
        self._partly_named = {_part_of_name(meter) for meter in state.meters} - {None}

    def verify(self, known: Iterable[SecondaryAddress]) -> Procedure[None]:
        """Ask for meters by their full address."""
        absent = [address for address in dict.fromkeys(known) if address not in self._addresses]
        for self._waiting, address in _counted(absent):
            yield from self._examine(address, CERTAIN)

    def run(self, mask: SecondaryAddress, thorough: bool) -> Procedure[None]:
        """Sweep, look at what is doubtful, and where it is to be thorough at what was silent."""
        sweep = self.state.sweep_of(mask)
        yield from self._settle(sweep)
        yield from self._explain(sweep)
        # Asking again can bring more that is late: the list grows while it is gone through.
        for suspect in chain(self.state.belated, self._hexadecimal(sweep, thorough), self.state.belated):
            if self.state.first_time(suspect):
                yield from self._sweep_again(suspect, alone=suspect not in self.state.belated)
        before = -1
        while thorough and before < len(self.state.meters):
            before = len(self.state.meters)
            silent = self._take_silent(sweep)
            for self._waiting, suspect in _counted(silent):
                yield from self._sweep_again(suspect)

    def _take_silent(self, sweep: Sweep) -> list[SecondaryAddress]:
        """Give the masks to ask again; a look for hex digits that brought nothing is not worth a second one."""
        silent, self.state.silent = self.state.silent, []
        if sweep.knows_hexadecimal:
            return silent
        return [mask for mask in silent if number_of(mask_of(mask.identification)[1]) is not None]

    def _explain(self, sweep: Sweep) -> Procedure[None]:
        """Where more meters are proven than known, ask again for what was silent there, then for hex digits."""
        while (mask := sweep.next_unexplained()) is not None:
            sweep.looked_into.add(mask)
            for silent in list(self.state.silent):
                if sweep.is_explained(mask):
                    break
                if overlap(mask, mask_of(silent.identification)) and self.state.first_time(silent):
                    yield from self._sweep_again(silent)
                    sweep.learn_meters()
            group = sweep.facts.groups.get(mask)
            if group is not None and not sweep.is_explained(mask):
                for digit in HEXADECIMAL:
                    sweep.facts.open_child(group, digit)
                yield from self._settle(sweep)

    def _settle(self, sweep: Sweep) -> Procedure[None]:
        """Put questions until no cell is open."""
        while True:
            sweep.learn_meters()
            sweep.model.refresh()
            sweep.planner.hidden = (self.prober.hidden + 1) / (self.prober.hidden + self.prober.shown + 1)
            sweep.planner.price = prices(self.prober.reply_bytes)
            question = sweep.planner.next()
            if question is None:
                return
            self._left = sweep.model.transactions_left()
            mask = sweep.address(question.mask)
            finding = yield from self._examine(mask, question.outlook, request=question.request)
            yield from self._enter(sweep, question.mask, finding, requested=question.request)

    def _enter(
        self, sweep: Sweep, mask: Mask, finding: Finding, *, requested: bool = True
    ) -> Procedure[None]:
        """Take a finding into the facts."""
        sweep.learn_meters()
        if finding.verdict in (Verdict.EMPTY, Verdict.ALONE):
            sweep.facts.settle(mask)
            if finding.meter is not None and finding.meter.secondary is None:
                sweep.facts.add_nameless(mask)
            return
        sweep.facts.prove(mask, finding.verdict.at_least)
        if requested and finding.verdict is Verdict.SOME:
            sweep.facts.unread.add(mask)
        cell = sweep.facts.open.get(mask)
        if cell is not None and free_positions(mask[0]):
            sweep.planner.split(cell)
        elif cell is not None:
            sweep.facts.settle(mask)
            yield from self._separate(sweep.address(mask))

    def _sweep_again(self, mask: SecondaryAddress, *, alone: bool = True) -> Procedure[None]:
        """Ask for a mask as if nothing were known of it.

        :param alone: whether to believe that one meter is alone there when only one is heard in time.
        """
        finding = yield from self._examine(mask)
        if finding.verdict is Verdict.EMPTY:
            return
        sweep = Sweep(mask, self.state.meters, FEW)
        if finding.verdict is Verdict.ALONE and not alone:
            finding = replace(finding, verdict=Verdict.SEVERAL)
        yield from self._enter(sweep, sweep.facts.base, finding)
        yield from self._settle(sweep)
        yield from self._explain(sweep)

    def _hexadecimal(self, sweep: Sweep, thorough: bool) -> Iterator[SecondaryAddress]:
        """Give masks with one hex digit, where nothing proven points to one and a meter could yet hide behind it.

        Makers who number their meters in a row use decimal digits; so when all meters found are of that kind nothing is
        given, and everything once a hex digit was seen.
        """
        facts = sweep.facts
        split: dict[int, float] = {}
        for group in facts.groups.values():
            split[group.position] = split.get(group.position, 0.0) + volume(group.mask[0] & ~facts.base[0])
        positions = list(split)
        if sweep.knows_hexadecimal:
            positions = list(free_positions(facts.base[0]))
        elif not thorough:
            if not sweep.model.guesses.isolated:
                return
            affordable = int(INSURANCE * self.prober.transactions / len(HEXADECIMAL))
            positions = [position for position in split if split[position] >= WORTH_INSURING]
            positions = positions[: max(1, affordable)]
        for position in positions:
            for digit in HEXADECIMAL:
                yield sweep.address(fix(facts.base, position, digit))

    def _separate(self, mask: SecondaryAddress) -> Procedure[None]:
        """Tell meters with one identification apart, once it is certain that there are several."""
        finding = yield from self._examine(mask, CERTAIN)
        if finding.verdict in (Verdict.EMPTY, Verdict.ALONE):
            return
        # Where collided replies are to be seen, a missing one is not a collision.
        wanted = 1 if finding.verdict is Verdict.SOME and self.prober.garbled else 2
        likely = list(likely_parts(mask, self.state.meters))
        for part in likely:
            yield from self._examine_part(part)
        others = (part for part in other_parts(mask) if part not in likely)
        while self._found_under(mask) < wanted:
            before = len(self.state.meters)
            for part in others:
                yield from self._examine_part(part)
                if len(self.state.meters) > before:
                    break
            else:
                break
        if self._found_under(mask) < wanted:
            yield from self._report_unheard(mask)

    def _report_unheard(self, mask: SecondaryAddress) -> Procedure[None]:
        """Say what is certain of meters that nothing can get at, if they are still there."""
        finding = yield from self._examine(mask, CERTAIN)
        if finding.verdict in (Verdict.EMPTY, Verdict.ALONE):
            return
        yield from self._ask_nobody()
        remark = EQUAL_ADDRESSES if finding.verdict is Verdict.SEVERAL else UNHEARD
        yield from self._store(FoundMeter(None, mask, None, BESIDE if self._found_under(mask) else remark))

    def _examine_part(self, part: SecondaryAddress) -> Procedure[None]:
        finding = yield from self._examine(part)
        if finding.verdict in (Verdict.SOME, Verdict.SEVERAL):
            yield from self._separate(part)

    def _found_under(self, mask: SecondaryAddress) -> int:
        # One that nobody heard may be several.
        found = (meter for meter in self.state.meters if meter.secondary and fits(mask, meter.secondary))
        return sum(2 if meter.reply is None else 1 for meter in found)

    def _examine(
        self, mask: SecondaryAddress, outlook: Outlook = UNKNOWN, *, request: bool = True
    ) -> Procedure[Finding]:
        left = self._left + self._waiting
        yield from tell(Progress(self.prober.transactions, left, len(self.state.meters), str(mask)))
        finding = yield from self.prober.examine(mask, outlook, request=request)
        before = len(self._addresses)
        if finding.meter is not None:
            yield from self._store(finding.meter)
        if finding.verdict is Verdict.EMPTY:
            self.state.silent.append(mask)
        yield from self._watch_for_babble(finding, len(self._addresses) > before)
        return finding

    def _watch_for_babble(self, finding: Finding, is_new: bool) -> Procedure[None]:
        """Give up on a bus whose answers mean nothing; this is what ends every search on a hostile one."""
        if is_new:
            self._fruitless = 0
        elif finding.verdict in (Verdict.SOME, Verdict.SEVERAL):
            self._fruitless += 1
            if self._fruitless % FRUITLESS == 0:
                yield from self._ask_nobody()
        if self.prober.transactions - self._last_control >= LONG:
            yield from self._ask_nobody()
        if self._fruitless >= HOPELESS or self.prober.transactions >= MOST_TRANSACTIONS:
            raise self._given_up("without a readable reply")

    def _ask_nobody(self) -> Procedure[None]:
        self._last_control = self.prober.transactions
        for _ in range(CONTROLS):
            finding = yield from self.prober.examine(NOBODY, request=False)
            if finding.verdict is Verdict.EMPTY:
                return
        raise self._given_up("even for an address that no meter has")

    def _given_up(self, how: str) -> GarbledAnswerError:
        return GarbledAnswerError(
            f"the search was given up with {len(self.state.meters)} meters found in {self.prober.transactions} transactions: "
            f"the bus goes on answering {how}; look for noise, or for a device that sends on its own"
        )

    def _store(self, meter: FoundMeter) -> Procedure[None]:
        part = _part_of_name(meter)
        if meter.secondary not in self._addresses and part not in self._partly_named:
            self.state.meters.append(meter)
            yield from tell(Found(meter))
        if part is not None:
            self._partly_named.add(part)
        if meter.secondary is not None:
            self._addresses.add(meter.secondary)


def _part_of_name(meter: FoundMeter) -> tuple[int, SecondaryAddress] | None:
    """Give what tells a meter that does not name itself wholly from others, whatever mask found it; None for all others."""
    identity = None if meter.reply is None else identity_of(meter.reply)
    if identity is None or identity.is_unique or meter.primary is None:
        return None
    return meter.primary, identity


def _counted(masks: list[SecondaryAddress]) -> Iterator[tuple[int, SecondaryAddress]]:
    """Give masks, each with the number of those behind it."""
    return zip(range(len(masks) - 1, -1, -1), masks, strict=True)
