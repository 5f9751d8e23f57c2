"""The layout of a telegram, learned once, and the plan that unpacks every other telegram of that layout.

The *layout* is all of a telegram but its values: kind of the header, blocks, fillers, length bytes of variable lengths. A
plan compares all of these at once, as one number under a mask, cuts the data into pieces in one go, and puts the values between
what is known of every record beforehand. What does not fit goes the plain way (`mbus.application.telegram.decode_plainly`),
which gives the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from struct import Struct
from typing import Final

from mbus.application.ci import CI_FIELDS, Content, HeaderKind
from mbus.application.column import Column
from mbus.application.dib import EXTENSION, SKIPPED, VARIABLE
from mbus.application.header import LONG_SIZE, SHORT_SIZE, Header
from mbus.application.layout import How, column_of, dib_of, how_of
from mbus.application.plan_values import ValueReader
from mbus.application.records import Body, Record, has_text_first
from mbus.application.security import announces_blocks, is_surely_plain
from mbus.link.fields import is_from_master
from mbus.link.frames import LongFrame
from mbus.tables import vif

_TEXT_WITH_VIFE: Final = bytes((vif.PLAIN_TEXT | EXTENSION,))
"""Begins blocks that the plain decoder reads in two ways, as what stands behind them demands."""
_HEADER_SIZES: Final = {HeaderKind.NONE: 0, HeaderKind.SHORT: SHORT_SIZE, HeaderKind.LONG: LONG_SIZE}
_HEADERS: Final[dict[HeaderKind, Callable[[bytes], Header] | None]] = {
    HeaderKind.NONE: None,
    HeaderKind.SHORT: Header.from_short,
    HeaderKind.LONG: Header.from_long,
}
_FIXED: Final = 0xFF
_LABELLED: Final = frozenset((How.DATE_TIME, How.DATE_TIME_SECONDS, How.DAYLIGHT))
"""Values that may bring labels of their own."""
_new: Final = tuple.__new__
"""Makes records without the check that all fields are named."""
_RECORDS: Final = repeat(Record)


@dataclass(frozen=True, slots=True)
class Layout:
    """All of a telegram but its values.

    :ivar from_master: whether it goes to a meter, which gives some VIFE another meaning.
    :ivar size: of the data behind the CI field.
    :ivar fixed: FF for every byte that belongs to the layout, 00 for every byte of the header, of values, of manufacturer data.
    :ivar expected: the bytes of the layout, 00 elsewhere.
    :ivar tail: where manufacturer data begin, `size` where there are none.
    :ivar more_follows: another telegram belongs to the reading.
    """

    from_master: bool
    ci: int
    size: int
    fixed: bytes
    expected: bytes
    columns: tuple[Column, ...]
    tail: int
    more_follows: bool

    @property
    def header_kind(self) -> HeaderKind:
        """What stands in front of the records."""
        return CI_FIELDS[self.ci].header


def layout_of(frame: LongFrame, body: Body) -> Layout | None:
    """Learn the layout of a plain telegram from what the plain decoder made of it; None where no plan can be made.

    That is so for anything but records that were understood to the end. The telegram was not encrypted.
    """
    row = CI_FIELDS[frame.ci]
    if row.content is not Content.RECORDS or row.msb_first or body.error is not None or not body.records:
        return None
    data, start = frame.data, _HEADER_SIZES[row.header]
    command = is_from_master(frame.control)
    has_text = any(record.vib[:1] == _TEXT_WITH_VIFE for record in body.records)
    if has_text and not has_text_first(data[start:], command=command):
        return None
    columns = tuple(_columns(data, start, body, command=command))
    fixed = bytearray(bytes((_FIXED,)) * len(data))
    fixed[:start] = bytes(start)
    for column in columns:
        is_variable = column.register.data_field == VARIABLE
        fixed[column.start + is_variable : column.start + column.size] = bytes(column.size - is_variable)
    tail = len(data) - len(body.manufacturer_data)
    fixed[tail:] = bytes(len(data) - tail)
    expected = bytes(byte & mark for byte, mark in zip(data, fixed, strict=True))
    return Layout(command, frame.ci, len(data), bytes(fixed), expected, columns, tail, body.more_follows)


def _columns(data: bytes, position: int, body: Body, *, command: bool) -> Iterator[Column]:
    for record in body.records:
        while data[position] in SKIPPED:
            position += 1
        register = dib_of(record.dib)
        meaning, read = column_of(record.vib, register.data_field, command, False)
        how = how_of(register.data_field, meaning)
        start = position + len(record.dib) + len(record.vib)
        yield Column(start, len(record.raw), record.dib, record.vib, register, meaning, how, read)
        position = start + len(record.raw)


class Plan:
    """Unpacks telegrams of one layout.

    :ivar mask: of the bytes of the layout, as a number whose lowest byte comes first; `expected` likewise.
    :ivar values: reads all values.
    :ivar split: cuts data that fit into the data of each record.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.mask = int.from_bytes(layout.fixed, "little")
        self.expected = int.from_bytes(layout.expected, "little")
        columns = layout.columns
        self._read_header = _HEADERS[layout.header_kind]
        self._header_size = _HEADER_SIZES[layout.header_kind]
        self.split: Callable[[bytes], tuple[bytes, ...]] = Struct(_format(layout)).unpack
        self.values = ValueReader(columns, layout.size)
        self._registers = (
            range(len(columns)),
            tuple(column.register.function for column in columns),
            tuple(column.register.storage for column in columns),
            tuple(column.register.tariff for column in columns),
            tuple(column.register.subunit for column in columns),
            tuple(column.meaning.quantity for column in columns),
            tuple(column.meaning.unit for column in columns),
        )
        self._modifiers = tuple(column.meaning.modifiers for column in columns)
        self._blocks = (tuple(column.dib for column in columns), tuple(column.vib for column in columns))
        self._plain_word = 0
        self._secrets = tuple(column.meaning.secret for column in columns)
        self._labelled = tuple(n for n, column in enumerate(columns) if column.how in _LABELLED)

    def fits(self, number: int) -> bool:
        """Tell whether data of the right size, read as a number from the lowest byte, have this layout."""
        return number & self.mask == self.expected

    def read(self, data: bytes, *, has_key: bool) -> tuple[Header | None, tuple[Record, ...]] | None:
        """Read header and records out of data that fit; None where they may be encrypted."""
        header = self.header(data)
        records = self.records(data)
        if header is None or not header.configuration or not self.may_be_encrypted(header):
            return header, records
        if has_key or not self._is_plain_word(header.configuration, data, records):
            return None
        return header, records

    def header(self, data: bytes) -> Header | None:
        """Read the header."""
        return None if self._read_header is None else self._read_header(data)

    def may_be_encrypted(self, header: Header | None) -> bool:
        """Tell whether a header announces encrypted blocks in data of this layout."""
        if header is None or not header.configuration:
            return False
        return announces_blocks(header.configuration, self.layout.size - self._header_size)

    def _is_plain_word(self, word: int, data: bytes, records: tuple[Record, ...]) -> bool:
        """Tell whether data are plain whose configuration word could mean that they are not."""
        if any(record.status is not None for record in records):
            return False
        # Where all values are valid the rest of the question is about the layout.
        if self._plain_word != word and is_surely_plain(data[self._header_size :], word, Body(records)):
            self._plain_word = word
        return self._plain_word == word

    def records(self, data: bytes) -> tuple[Record, ...]:
        """Read all records out of data that fit."""
        pieces = self.split(data)
        values, statuses, labels = self.values.read(data, pieces)
        modifiers = self._modifiers
        for number in self._labelled:
            if labels[number]:
                labelled = modifiers[number] + labels[number]
                modifiers = (*modifiers[:number], labelled, *modifiers[number + 1 :])
        rows = zip(
            *self._registers, values, statuses, modifiers, *self._blocks, pieces, self._secrets, strict=True
        )
        return tuple(map(_new, _RECORDS, rows))


def _format(layout: Layout) -> str:
    """Say in the words of `struct` which bytes are data of records."""
    parts, position = [], 0
    for column in layout.columns:
        parts.append(f"{column.start - position}x{column.size}s")
        position = column.start + column.size
    return "".join((*parts, f"{layout.size - position}x"))
