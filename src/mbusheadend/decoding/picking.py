"""Few values out of a packed reading: what is not wanted is stepped over."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from mbus.application.datatypes import Value
from mbusheadend.decoding.registers import KEPT, Kind, Layout, Register
from mbusheadend.decoding.telegrams import Layouts, packed_telegrams
from mbusheadend.decoding.values import REAL_SIZE, value_of
from mbusheadend.decoding.varint import Source


class Picked(NamedTuple):
    """What was found in the telegrams of a reading.

    :ivar status: bits of the status bytes of the telegrams that were looked at.
    :ivar values: in the order of the registers, of the first telegram that has each.
    :ivar doubts: why a value is to be doubted or not there.
    """

    status: int
    values: tuple[Value, ...]
    doubts: tuple[str | None, ...]


def pick(packed: bytes, layouts: Layouts, registers: tuple[Register, ...]) -> Picked:
    """Give the values of some registers; raise `PackedError`. Telegrams behind the last wanted value are not looked at."""
    values: list[Value] = [None] * len(registers)
    doubts: list[str | None] = [None] * len(registers)
    open_places = set(range(len(registers)))
    bits = 0
    for status, layout, content in packed_telegrams(packed, layouts):
        bits |= status or 0
        places, last = _places(layout, registers)
        if open_places.isdisjoint(places.values()):
            continue
        source = Source(content)
        for number, (_, kind, exponent, has_status, _) in enumerate(layout[: last + 1]):
            place = places.get(number)
            if place is None or place not in open_places:
                _skip(kind, source, has_status=has_status)
                continue
            doubts[place] = source.counted().decode(errors="replace") if has_status else None
            values[place] = value_of(kind, exponent, source)
            open_places.discard(place)
        if not open_places:
            break
    return Picked(bits, tuple(values), tuple(doubts))


@lru_cache(KEPT)
def _places(layout: Layout, registers: tuple[Register, ...]) -> tuple[Mapping[int, int], int]:
    """Tell which field of a layout is which of the registers, and the last such field; -1 where there is none."""
    wanted = {register: place for place, register in enumerate(registers)}
    found = {
        number: wanted[field.register] for number, field in enumerate(layout) if field.register in wanted
    }
    return found, max(found, default=-1)


_COUNTED: Final = frozenset((Kind.TEXT, Kind.HEX, Kind.DECIMAL))


def _skip(kind: Kind, source: Source, *, has_status: bool) -> None:
    if has_status:
        source.counted()
    if kind is Kind.NONE:
        return
    if kind is Kind.REAL:
        source.take(REAL_SIZE)
    elif kind in _COUNTED:
        source.counted()
    else:
        source.skip_number()
