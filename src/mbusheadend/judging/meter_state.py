"""What is remembered of a meter, so that a new reading can be judged without the earlier ones."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Self

from mbusheadend.judging.access import Answers

MOST_COUNTERS: Final = 64
MOST_OPEN: Final = 64
MOST_ANSWERS: Final = 12
MOST_TOLD: Final = 16
VERSION: Final = 1


@dataclass(slots=True)
class MeterState:
    """What is remembered of a meter.

    :ivar taken: when the newest reading was taken that was judged.
    :ivar counters: the last value of each counter.
    :ivar still_since: since when they are the same, in `still` readings.
    :ivar own: what its clock told last; `own_stands`: since `still_since`.
    :ivar least_rates: the lowest rate since then, by its quantity and unit.
    :ivar answers: access numbers of the last readings.
    :ivar is_clean: whether each answer since the last reading was heard.
    :ivar told: what its clock told now and then.
    :ivar signs: how many readings in a row said so, by what they said; less than zero: so many did not, after an alarm.
    """

    taken: datetime | None = None
    counters: dict[str, Decimal] = field(default_factory=dict)
    still_since: datetime | None = None
    still: int = 0
    own: datetime | None = None
    own_stands: bool = False
    least_rates: dict[str, Decimal] = field(default_factory=dict)
    answers: list[Answers] = field(default_factory=list)
    is_clean: bool = True
    told: list[tuple[datetime, datetime]] = field(default_factory=list)
    signs: dict[str, int] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def to_text(self) -> str:
        """Write it down."""
        content = [
            VERSION,
            _written(self.taken),
            {name: str(value) for name, value in self.counters.items()},
            _written(self.still_since),
            self.still,
            _written(self.own),
            self.own_stands,
            {name: str(value) for name, value in self.least_rates.items()},
            [[_written(one.taken), one.first, one.last, one.is_clean] for one in self.answers],
            self.is_clean,
            [[_written(taken), _written(own)] for taken, own in self.told],
            self.signs,
            sorted(self.open),
        ]
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read it; of another version nothing is remembered."""
        version, *content = json.loads(text)
        if version != VERSION:
            return cls()
        taken, counters, since, still, own, stands, rates, answers, is_clean, told, signs, lasting = content
        return cls(
            _read(taken),
            {name: Decimal(value) for name, value in counters.items()},
            _read(since),
            still,
            _read(own),
            stands,
            {name: Decimal(value) for name, value in rates.items()},
            [Answers(_moment(one[0]), *one[1:]) for one in answers],
            is_clean,
            [(_moment(taken), _moment(own)) for taken, own in told],
            signs,
            set(lasting),
        )

    @property
    def still_for(self) -> timedelta:
        """How long the counters are the same."""
        if self.taken is None or self.still_since is None:
            return timedelta()
        return self.taken - self.still_since


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(text)


def _read(text: Any) -> datetime | None:
    return None if text is None else _moment(text)
