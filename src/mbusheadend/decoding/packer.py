"""What is kept of telegrams of one layout, made from their data at once, without records in between.

The bytes are those that `mbusheadend.decoding.values.pack` makes of the records.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from mbus.application.column import Column
from mbus.application.datatypes import Reader
from mbus.application.layout import How
from mbus.application.plan import Plan
from mbusheadend.decoding import varint
from mbusheadend.decoding.registers import KEPT, Form, Kind, Part
from mbusheadend.decoding.values import append_value

KEPT_PLANS: Final = 1024
MAX_FORMS: Final = 64
"""Forms that the values of one layout take; more are made each time."""
_MOMENTS: Final = frozenset((How.DATE, How.DATE_TIME, How.DATE_TIME_SECONDS, How.TIME_OF_DAY))
"""Values that many telegrams have in common."""

_Shape = tuple[Kind, int, bool, tuple[str, ...]]
"""Of a value its kind and exponent, whether a status stands in front of it, and labels of its own."""


class KnownForm(tuple[Part, ...]):
    """A form that is looked up again and again, and so remembers its hash."""

    _hash: int

    def __new__(cls, parts: Form) -> "KnownForm":
        """Take over the parts; equal to them in all else."""
        made = super().__new__(cls, parts)
        made._hash = hash(parts)
        return made

    def __hash__(self) -> int:
        return self._hash


class Packer:
    """Packs telegrams of the layout of a plan."""

    def __init__(self, plan: Plan) -> None:
        columns = plan.layout.columns
        self._plan = plan
        # Of these `pack` would make numbers with the power of ten of their block, which are the digits as they were sent.
        quick = [number for number, place in enumerate(plan.values.quick) if _is_exact(columns[place])]
        self._quick = tuple(
            (number, plan.values.quick[number], _factor(columns[plan.values.quick[number]]))
            for number in quick
        )
        places = {place for _, place, _ in self._quick}
        self._columns = columns
        self._others = tuple(
            _other(place, column) for place, column in enumerate(columns) if place not in places
        )
        self._parts: list[Part] = [
            (
                (
                    column.register.function,
                    column.register.storage,
                    column.register.tariff,
                    column.register.subunit,
                    column.meaning.quantity,
                    column.meaning.unit,
                ),
                column.meaning.modifiers,
                len(column.meaning.modifiers),
                Kind.NUMBER,
                column.meaning.exponent,
                False,
            )
            for column in columns
        ]
        self._forms: dict[tuple[tuple[int, _Shape], ...], Form] = {}
        self._blank = [b""] * len(columns)

    def pack(self, data: bytes) -> tuple[Form, bytes]:
        """Pack data that fit the plan."""
        values, others = self._plan.values, self._others
        numbers: Sequence[int] | None = values.numbers(data)
        if numbers is None:
            numbers, invalid = values.numbers_and_invalid(data)
            others = (*others, *(_other(place, self._columns[place]) for place in invalid))
        packed = self._blank.copy()
        signed = varint.signed_bytes
        for number, place, factor in self._quick:
            packed[place] = signed(numbers[number] * factor)
        pieces = self._plan.split(data)
        shapes = []
        for place, packing, read, exponent in others:
            packed[place], shape = packing(read, pieces[place], exponent)
            shapes.append((place, shape))
        return self._form(tuple(shapes)), b"".join(packed)

    def _form(self, shapes: tuple[tuple[int, _Shape], ...]) -> Form:
        form = self._forms.get(shapes)
        if form is None:
            parts = self._parts.copy()
            for place, (kind, exponent, has_status, labels) in shapes:
                meaning, static, count, *_ = parts[place]
                parts[place] = (meaning, static + labels, count, kind, exponent, has_status)
            form = KnownForm(tuple(parts))
            if len(self._forms) < MAX_FORMS:
                self._forms[shapes] = form
        return form


def _is_exact(column: Column) -> bool:
    return column.how is not How.BITS or column.meaning.exponent == 0


def _factor(column: Column) -> int:
    return 1 if column.how is How.BITS else column.meaning.factor


def _pack_value(read: Reader, piece: bytes, exponent: int) -> tuple[bytes, _Shape]:
    value, status, labels = read(piece)
    packed = bytearray()
    if status is not None:
        varint.append_counted(status.encode(), packed)
    kind, exponent = append_value(value, exponent, packed)
    return bytes(packed), (kind, exponent, status is not None, labels)


_pack_moment: Final = lru_cache(KEPT)(_pack_value)
_Packing = Callable[[Reader, bytes, int], tuple[bytes, _Shape]]


def _other(place: int, column: Column) -> tuple[int, _Packing, Reader, int]:
    """Say how a value is packed that is not just digits."""
    packing = _pack_moment if column.how in _MOMENTS else _pack_value
    return place, packing, column.read, column.meaning.exponent


@lru_cache(KEPT_PLANS)
def packer_of(plan: Plan) -> Packer:
    """Give the packer for the layout of a plan."""
    return Packer(plan)
