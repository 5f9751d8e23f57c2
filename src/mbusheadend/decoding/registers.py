"""Registers, and the layout of a telegram: its registers in order and how the value of each is written.

A meter sends the same layout again and again, many meters share one, so it is kept once and named by a number. A layout whose
values come in another form (a marked-invalid time, summer time) is another layout.
"""

import json
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mbus.application.layout import column_of, dib_of
from mbus.application.records import Record
from mbusheadend.decoding.errors import PackedError

KEPT: Final = 8192
"""Bound of the caches."""


class Register(NamedTuple):
    """What a value is, whichever telegram brought it.

    :ivar modifiers: labels of the VIFE.
    :ivar occurrence: counts registers of one telegram that are alike in all else, from 0.
    """

    function: str
    storage: int
    tariff: int
    subunit: int
    quantity: str
    unit: str
    modifiers: tuple[str, ...]
    occurrence: int = 0


class Kind(IntEnum):
    """How a value is written; the numbers stand in the store."""

    NONE = 0
    """There is none."""
    NUMBER = 1
    """Signed mantissa of a power of ten that the layout names: exact."""
    REAL = 2
    """Eight bytes of a float: the meter sent one."""
    TEXT = 3
    """Counted UTF-8."""
    HEX = 4
    """Counted bytes whose hex digits are the text."""
    SECONDS = 5
    """Date and time: signed seconds since the beginning of 2000."""
    DAYS = 6
    """Date: signed days since the beginning of 2000."""
    DECIMAL = 7
    """Counted digits of a decimal that no mantissa gives back exactly."""


class Field(NamedTuple):
    """A register in a layout.

    :ivar exponent: of ten, for `Kind.NUMBER`.
    :ivar has_status: a counted text in front of the value says why it is to be doubted or not there.
    :ivar labels: that only this value had.
    """

    register: Register
    kind: Kind
    exponent: int
    has_status: bool
    labels: tuple[str, ...]


Layout = tuple[Field, ...]


Part = tuple[tuple[Any, ...], tuple[str, ...], int, Kind, int, bool]
Form = tuple[Part, ...]
"""A layout before it was put into words, quick to make: of each record function to unit, all labels, how many of them belong to
the register, and how the value is written."""


def layout_of_form(form: Form) -> Layout:
    """Put a form into words."""
    seen: dict[Register, int] = {}
    fields = []
    for meaning, labels, static, kind, exponent, has_status in form:
        register = Register._make((*meaning, labels[:static], 0))
        occurrence = seen.get(register, 0)
        seen[register] = occurrence + 1
        if occurrence:
            register = register._replace(occurrence=occurrence)
        fields.append(Field(register, kind, exponent, has_status, labels[static:]))
    return tuple(fields)


class Shape(NamedTuple):
    """What the blocks in front of a value say of it: static labels, and the power of ten of its numbers."""

    modifiers: tuple[str, ...]
    exponent: int


def shape_of(record: Record) -> Shape:
    """Give the shape of a record; what has no blocks (fixed structure, alarm) has no power of ten that would be known."""
    return _shape(record.dib, record.vib) if record.dib else Shape(record.modifiers, 0)


@lru_cache(KEPT)
def _shape(dib: bytes, vib: bytes) -> Shape:
    meaning, _ = column_of(vib, dib_of(dib).data_field, False, False)
    return Shape(meaning.modifiers, meaning.exponent)


def layout_text(layout: Layout) -> str:
    """Write a layout as JSON; equal layouts give equal texts."""
    return json.dumps(
        [
            [*field.register, int(field.kind), field.exponent, field.has_status, field.labels]
            for field in layout
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )


@lru_cache(KEPT)
def layout_of(text: str) -> Layout:
    """Read a layout; raise `PackedError`."""
    try:
        return tuple(_field(*part) for part in json.loads(text))
    except (ValueError, TypeError) as error:
        raise PackedError(f"this is no layout: {error}") from None


def _field(*parts: object) -> Field:
    (
        function,
        storage,
        tariff,
        subunit,
        quantity,
        unit,
        modifiers,
        occurrence,
        kind,
        exponent,
        status,
        labels,
    ) = parts
    register = Register(
        str(function), _int(storage), _int(tariff), _int(subunit), str(quantity), str(unit), _texts(modifiers),
        _int(occurrence),
    )  # fmt: skip
    return Field(register, Kind(_int(kind)), _int(exponent), bool(status), _texts(labels))


def _int(part: object) -> int:
    if not isinstance(part, int):
        raise TypeError(f"{part!r} is no number")
    return part


def _texts(part: object) -> tuple[str, ...]:
    if not isinstance(part, list):
        raise TypeError(f"{part!r} is no list")
    return tuple(map(str, part))
