"""What a search has learned, in one object that outlives it: a stopped search goes on with the state it leaves."""

from dataclasses import dataclass, field, replace

from mbus.addressing import SecondaryAddress
from mbus.errors import ProcedureError
from mbus.procedures.found import FoundMeter
from mbus.procedures.search_secondary.facts import Facts
from mbus.procedures.search_secondary.masks import Mask, mask_of, number_of, text_of, volume
from mbus.procedures.search_secondary.model import PRIOR_VOLUME, Model
from mbus.procedures.search_secondary.planner import Planner
from mbus.procedures.search_secondary.separate import EQUAL_ADDRESSES


class Sweep:
    """Facts, expectations and plan for the meters under one mask."""

    def __init__(self, mask: SecondaryAddress, meters: list[FoundMeter], prior: float = PRIOR_VOLUME) -> None:
        self.mask = mask
        self.facts = Facts(mask_of(mask.identification))
        self.model = Model(self.facts, prior)
        self.planner = Planner(self.facts, self.model)
        self._meters = meters
        self.looked_into: set[Mask] = set()
        self._learned = 0

    def learn_meters(self) -> None:
        """Enter what was found since, here or in another sweep."""
        for meter in self._meters[self._learned :]:
            if meter.secondary is not None:
                count = 2 if meter.remark == EQUAL_ADDRESSES else 1
                for _ in range(count):
                    self.facts.add_known(int(meter.secondary.identification, 16))
        self._learned = len(self._meters)

    def address(self, mask: Mask) -> SecondaryAddress:
        """Give a mask of digits with the other fields of this sweep."""
        return replace(self.mask, identification=text_of(mask))

    @property
    def knows_hexadecimal(self) -> bool:
        """Whether a meter was found whose identification has one of the digits A to E."""
        self.learn_meters()
        return any(number_of(identification) is None for identification in self.facts.known)

    def is_explained(self, mask: Mask) -> bool:
        """Tell whether as many meters are known under a mask as are proven there."""
        return self.facts.proofs[mask] <= self.facts.known_in(mask)

    def next_unexplained(self) -> Mask | None:
        """Give the narrowest mask that is not explained and was not looked into."""
        masks = (
            mask for mask in self.facts.proofs if mask not in self.looked_into and not self.is_explained(mask)
        )
        return min(masks, key=lambda mask: volume(mask[0]), default=None)


@dataclass(slots=True)
class SearchState:
    """What a search has learned. Handed in again, with the same mask, the search goes on where it was stopped.

    :ivar meters: found so far.
    :ivar silent: masks that are taken to be empty because nobody answered.
    :ivar belated: masks under which somebody spoke too late to be heard.
    """

    meters: list[FoundMeter] = field(default_factory=list)
    silent: list[SecondaryAddress] = field(default_factory=list)
    belated: list[SecondaryAddress] = field(default_factory=list)
    _mask: SecondaryAddress | None = None
    _sweep: Sweep | None = None
    _swept_again: set[SecondaryAddress] = field(default_factory=set)

    def sweep_of(self, mask: SecondaryAddress) -> Sweep:
        """Give the sweep over everything, new or as it was left."""
        if self._sweep is None:
            self._mask, self._sweep = mask, Sweep(mask, self.meters)
        if self._mask != mask:
            raise ProcedureError(f"this state is of a search for {self._mask}, it cannot go on with {mask}")
        return self._sweep

    def first_time(self, mask: SecondaryAddress) -> bool:
        """Tell whether a mask has not been swept again yet, and remember it."""
        if mask in self._swept_again:
            return False
        self._swept_again.add(mask)
        return True
