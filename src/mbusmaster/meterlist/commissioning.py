"""Expected against found: what an installer signs when a building is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mbusmaster.meterlist.doubt import Stamp
from mbusmaster.meterlist.expected import ExpectedMeter
from mbusmaster.meterlist.merge import is_part_of
from mbusmaster.meterlist.meter import Meter, Status, manufacturer_of, version_of
from mbusmaster.meterlist.meters import MeterList


class Kind(StrEnum):
    """What became of a meter."""

    FOUND = "found"
    DIFFERING = "differing"
    """It answers, and something is not as expected."""
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    """It is there, and nobody expects it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A column in which an expected meter is not as expected."""

    column: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the report.

    :ivar status: what was seen of it last.
    :ivar remark: the same for a person.
    """

    kind: Kind
    expected: ExpectedMeter | None
    meter: Meter | None
    status: Status
    remark: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Commissioning:
    """The report.

    :ivar items: expected meters in the order of their list, then the unexpected ones by address.
    :ivar last_checked: when the newest of these findings was made.
    :ivar is_clock_doubtful: some of these findings were made with a doubtful clock, or the report is.
    """

    made_at: datetime
    bus: str | None
    items: tuple[Item, ...]
    last_checked: datetime | None
    is_clock_doubtful: bool = False

    def count(self, kind: Kind) -> int:
        """Number of items of a kind."""
        return sum(item.kind is kind for item in self.items)

    @property
    def expected(self) -> int:
        """Number of expected meters."""
        return sum(item.expected is not None for item in self.items)

    @property
    def percent(self) -> int | None:
        """How many in a hundred expected meters answer, rounded down; None where none is expected."""
        if not self.expected:
            return None
        return 100 * (self.count(Kind.FOUND) + self.count(Kind.DIFFERING)) // self.expected

    @property
    def is_complete(self) -> bool:
        """Whether all that is expected answers as expected, and nothing else is there."""
        return bool(self.expected) and self.count(Kind.FOUND) == len(self.items)


def commissioning(
    meters: MeterList, now: datetime, bus: str | None = None, *, doubtful: bool = False
) -> Commissioning:
    """Compare the expected meters with those that were found, on one bus or on all.

    :param doubtful: the clock that says `now` may be wrong by any amount.
    """
    rows = meters.meters(bus)
    expected = meters.expected.meters(bus)
    pairs = match(expected, rows)
    items = [_item(one, pairs.get(one.id)) for one in expected]
    taken = {meter.id for meter in pairs.values()}
    others = sorted(
        (row for row in rows if row.id not in taken), key=lambda row: (row.bus, row.address.zfill(3))
    )
    # Who is silent and not expected is a meter that was taken away.
    items += [
        Item(Kind.UNEXPECTED, None, row, row.status, row.remark)
        for row in others
        if row.status not in (Status.SILENT, Status.NOT_ASKED)
    ]
    moments = [row.checked for row in rows if row.checked] + [one.checked for one in expected if one.checked]
    doubts = [row.doubts for row in rows] + [one.doubts for one in expected]
    is_doubtful = doubtful or any(Stamp.CHECKED in one for one in doubts)
    return Commissioning(now, bus, tuple(items), max(moments, default=None), is_doubtful)


def match(expected: Iterable[ExpectedMeter], rows: Iterable[Meter]) -> dict[int, Meter]:
    """Give the row of each expected meter that has one, by the number of the expected one; no row stands for two.

    A whole secondary address counts most, then what fits a part of one, a fabrication number, an identification whatever else
    differs, and last a primary address alone.
    """
    free = {row.id: row for row in rows}
    waiting = list(expected)
    pairs: dict[int, Meter] = {}
    for rule in _RULES:
        places: dict[tuple[str, object], list[Meter]] = {}
        for row in free.values():
            places.setdefault((row.bus, rule.key(row)), []).append(row)
        for one in waiting:
            key = rule.key(one)
            candidates = () if key is None else places.get((one.bus, key), ())
            fitting = [row for row in candidates if row.id in free and rule.fits(one, row)]
            if fitting:
                # Of several, the one at the expected primary address, and one that answers.
                best = min(
                    fitting, key=lambda row: (row.primary != one.primary, not row.status.is_contact, row.id)
                )
                pairs[one.id] = free.pop(best.id)
        waiting = [one for one in waiting if one.id not in pairs]
    return pairs


@dataclass(frozen=True, slots=True)
class _Rule:
    """One way to recognise an expected meter.

    :ivar key: what both must have in common; None where a meter does not have it.
    :ivar fits: tells whether a row with the same key is the expected one.
    """

    key: Callable[[ExpectedMeter | Meter], object | None]
    fits: Callable[[ExpectedMeter, Meter], bool] = lambda one, row: True


def _identification(meter: ExpectedMeter | Meter) -> str | None:
    return None if meter.secondary is None else meter.secondary.identification


def _is_part(one: ExpectedMeter, row: Meter) -> bool:
    if one.secondary is None or row.secondary is None:
        return False
    return is_part_of(one.secondary, row.secondary) or is_part_of(row.secondary, one.secondary)


def _is_nameless(one: ExpectedMeter, row: Meter) -> bool:
    return one.secondary is None


def _is_half_named(one: ExpectedMeter, row: Meter) -> bool:
    return one.secondary is None or row.secondary is None


_RULES: Final = (
    _Rule(lambda meter: meter.secondary),
    _Rule(_identification, _is_part),
    _Rule(lambda meter: meter.fabrication, _is_nameless),
    _Rule(_identification),
    _Rule(lambda meter: meter.primary, _is_half_named),
)


def _item(one: ExpectedMeter, row: Meter | None) -> Item:
    if row is None:
        return Item(Kind.MISSING, one, None, one.status, one.remark)
    if row.status not in (Status.ANSWERS, Status.OTHER_BAUD):
        # A row that stands for somebody at its primary address may know less than the question for itself did.
        newer = one if one.checked and (row.checked is None or one.checked > row.checked) else row
        return Item(Kind.MISSING, one, row, newer.status, newer.remark)
    differences = tuple(_differences(one, row))
    return Item(Kind.DIFFERING if differences else Kind.FOUND, one, row, row.status, row.remark, differences)


def _differences(one: ExpectedMeter, row: Meter) -> Iterable[Difference]:
    if one.primary is not None and one.primary != row.primary:
        yield Difference("primary_address", str(one.primary), "" if row.primary is None else str(row.primary))
    answering = [rate.baud for rate in row.rates if rate.answers]
    if one.baud is not None and one.baud not in answering:
        yield Difference("baud_rate", str(one.baud), ", ".join(map(str, answering)))
    maker = manufacturer_of(one.secondary)
    if maker is not None and row.manufacturer is not None and maker != row.manufacturer:
        yield Difference("manufacturer", maker, row.manufacturer)
    version = None if one.secondary is None else version_of(one.secondary)
    if version is not None and row.version is not None and version != row.version:
        yield Difference("version", str(version), str(row.version))
    if one.medium is not None and row.medium is not None and one.medium != row.medium:
        yield Difference("medium", one.medium, row.medium)
    if one.fabrication is not None and row.fabrication is not None and one.fabrication != row.fabrication:
        yield Difference("fabrication_number", one.fabrication, row.fabrication)
