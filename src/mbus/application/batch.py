"""Many telegrams at once: those of one layout as columns (numpy, the extra ``batch``), the rest left to `decode_telegram`.

    batch = decode_batch(frames)
    for group in batch.groups:
        for values in group.values: …

Checksums are verified. Nothing is lost and nothing differs: a group gives telegrams as `decode_telegram` does, and what belongs
to no group — broken, encrypted, of a rare layout — is named in `Batch.leftovers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mbus.application.batch_columns import Rows, Values, values_of
from mbus.application.ci import HeaderKind
from mbus.application.column import Column
from mbus.application.datatypes import Reading
from mbus.application.header import LONG_SIZE, SHORT_SIZE
from mbus.application.plan import Layout
from mbus.application.security import AES_CBC_DERIVED, AES_CBC_STATIC, BLOCK
from mbus.application.telegram import Telegram, decode_telegram, learn_layout
from mbus.link.fields import PRM
from mbus.link.frames import LONG_OVERHEAD, LONG_START, MAX_L, MIN_L, STOP, LongFrame

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

SMALLEST_GROUP: Final = 4
"""Fewer telegrams of a layout are left to the plain way."""
MAX_LAYOUTS: Final = 64
"""Layouts that are looked for among telegrams of one length."""
_DATA: Final = 7
"""Where the data behind the CI field begin."""
_EVEN: Final = 0x00FF00FF00FF00FF


@dataclass(frozen=True)
class Group:
    """Telegrams of one layout.

    :ivar indexes: which of the frames they are, in ascending order.
    """

    layout: Layout
    indexes: NDArray[numpy.int64]
    rows: Rows = field(repr=False)

    def __len__(self) -> int:
        """How many telegrams."""
        return self.rows.count

    @cached_property
    def values(self) -> tuple[Values | None, ...]:
        """The values of each record of the layout; None where they have no array (texts, offsets, more than 64 bits).

        What has none is in `records` and `readings`.
        """
        return tuple(values_of(column, self.rows) for column in self.layout.columns)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What each record of the layout means."""
        return self.layout.columns

    @property
    def addresses(self) -> NDArray[numpy.uint8]:
        """Primary addresses."""
        return self.rows.field("u1", -2)

    @property
    def access_numbers(self) -> NDArray[numpy.uint8] | None:
        """Access numbers; None where there is no header."""
        return self._header(0)

    @property
    def statuses(self) -> NDArray[numpy.uint8] | None:
        """Status bytes; None where there is no header."""
        return self._header(1)

    @property
    def secondaries(self) -> list[str] | None:
        """Secondary addresses as 16 hex digits; None where there is no long header."""
        if self.layout.header_kind is not HeaderKind.LONG:
            return None
        begin, length, buffer = self.rows.start, self.rows.length, self.rows.buffer
        return [
            (buffer[at : at + 4][::-1] + buffer[at + 4 : at + 8]).hex().upper()
            for at in range(begin, begin + length * len(self), length)
        ]

    def readings(self, column: int) -> Iterator[Reading]:
        """Give value, status and labels of one record in each telegram, as the records have them."""
        read = self.columns[column].read
        return (read(self.rows.data(row, self.columns[column])) for row in range(len(self)))

    def telegrams(self) -> Iterator[Telegram]:
        """Give the telegrams, as `decode_telegram` does."""
        return (decode_telegram(self.rows.frame(row)) for row in range(len(self)))

    def _header(self, offset: int) -> NDArray[numpy.uint8] | None:
        if self.layout.header_kind is HeaderKind.NONE:
            return None
        return self.rows.field("u1", offset + (8 if self.layout.header_kind is HeaderKind.LONG else 0))


@dataclass(frozen=True, slots=True)
class Batch:
    """Many telegrams.

    :ivar leftovers: which of the frames belong to no group, in ascending order.
    """

    groups: tuple[Group, ...]
    leftovers: tuple[int, ...]


def decode_batch(frames: Sequence[bytes]) -> Batch:
    """Sort frames by layout and verify them; values are read when they are asked for.

    Raise `ImportError` where numpy is not installed.
    """
    try:
        import numpy
    except ImportError as error:
        raise ImportError("batches need the package 'numpy': install the extra 'batch'") from error
    groups: list[Group] = []
    leftovers: list[NDArray[numpy.int64]] = []
    lengths = numpy.fromiter(map(len, frames), numpy.int64, len(frames))
    for length in numpy.unique(lengths).tolist():
        indexes = numpy.flatnonzero(lengths == length)
        if MIN_L + LONG_OVERHEAD <= length <= MAX_L + LONG_OVERHEAD:
            made, indexes = _groups(frames, indexes, length)
            groups += made
        leftovers.append(indexes)
    rest = numpy.concatenate(leftovers) if leftovers else numpy.empty(0, numpy.int64)
    return Batch(tuple(groups), tuple(numpy.sort(rest).tolist()))


def _groups(
    frames: Sequence[bytes], indexes: NDArray[numpy.int64], length: int
) -> tuple[list[Group], NDArray[numpy.int64]]:
    """Give the groups among frames of one length, and what is left."""
    import numpy

    chosen = frames if len(indexes) == len(frames) else [frames[index] for index in indexes.tolist()]
    rows = Rows(b"".join(chosen), len(indexes), length, _DATA)
    is_whole = _checksums_fit(rows)
    left, groups = [indexes[~is_whole]], []
    rows, indexes = _only(rows, indexes, is_whole)
    for _ in range(MAX_LAYOUTS):
        if len(indexes) < SMALLEST_GROUP:
            break
        layout = learn_layout(_frame(rows))
        fitting = _fitting(rows, layout)
        mine, chosen_indexes = _only(rows, indexes, fitting & ~_may_be_encrypted(rows, layout))
        if layout is not None and mine.count >= SMALLEST_GROUP:
            groups.append(Group(layout, chosen_indexes, mine))
        else:
            chosen_indexes = chosen_indexes[:0]
        fitting[0] = True
        left.append(numpy.setdiff1d(indexes[fitting], chosen_indexes, assume_unique=True))
        rows, indexes = _only(rows, indexes, ~fitting)
    return groups, numpy.concatenate([*left, indexes])


def _only(
    rows: Rows, indexes: NDArray[numpy.int64], wanted: NDArray[numpy.bool_]
) -> tuple[Rows, NDArray[numpy.int64]]:
    """Keep some of the rows."""
    import numpy

    if wanted.all():
        return rows, indexes
    table = numpy.frombuffer(rows.buffer, numpy.uint8).reshape(rows.count, rows.length)[wanted]
    return Rows(table.tobytes(), len(table), rows.length, rows.start), indexes[wanted]


def _frame(rows: Rows) -> LongFrame:
    first = rows.frame(0)
    return LongFrame(first[4], first[5], first[6], first[_DATA:-2])


def _words(rows: Rows) -> Iterator[tuple[int, int]]:
    """Give where each eight bytes of a row begin, and how many of them were in the words before."""
    for begin in range(0, rows.length - 7, 8):
        yield begin, 0
    if rows.length % 8:
        yield rows.length - 8, 8 - rows.length % 8


def _word(rows: Rows, begin: int) -> NDArray[numpy.uint64]:
    return rows.field("<u8", begin - rows.start)


def _checksums_fit(rows: Rows) -> NDArray[numpy.bool_]:
    """Tell which rows are long frames with the right lengths, start and stop bytes and checksum."""
    import numpy

    mark = bytes((LONG_START, rows.length - LONG_OVERHEAD, rows.length - LONG_OVERHEAD, LONG_START))
    fits: NDArray[numpy.bool_] = rows.field("<u4", -_DATA) == int.from_bytes(mark, "little")
    last = rows.length - rows.start - 1
    fits &= rows.field("u1", last) == STOP
    even = numpy.uint64(_EVEN)
    total = numpy.zeros(rows.count, numpy.uint64)
    summed = b"\xff" * (rows.length - LONG_OVERHEAD)
    marks = bytes(4) + summed + bytes(2)
    for begin, known in _words(rows):
        mask = int.from_bytes(bytes(known) + marks[begin + known : begin + 8], "little")
        word = _word(rows, begin) & numpy.uint64(mask)
        # Sixteen bits for each sum of at most 65 bytes: none of them overflows.
        total += (word & even) + (word >> numpy.uint64(8) & even)
    total += total >> numpy.uint64(32)
    total += total >> numpy.uint64(16)
    fits &= (total & numpy.uint64(0xFF)).astype(numpy.uint8) == rows.field("u1", last - 1)
    return fits


def _fitting(rows: Rows, layout: Layout | None) -> NDArray[numpy.bool_]:
    """Tell which rows have a layout."""
    import numpy

    fits = numpy.ones(rows.count, numpy.bool_)
    if layout is None:
        return ~fits
    fixed = bytes(4) + bytes((PRM, 0, 0xFF)) + layout.fixed + bytes(2)
    expected = bytes(4) + bytes((PRM if layout.from_master else 0, 0, layout.ci)) + layout.expected + bytes(2)
    for begin, _ in _words(rows):
        mask, wanted = fixed[begin : begin + 8], expected[begin : begin + 8]
        if any(mask):
            word = _word(rows, begin) & numpy.uint64(int.from_bytes(mask, "little"))
            fits &= word == numpy.uint64(int.from_bytes(wanted, "little"))
    return fits


def _may_be_encrypted(rows: Rows, layout: Layout | None) -> NDArray[numpy.bool_]:
    """Tell of which rows the configuration word announces encrypted blocks, as `security.announces_blocks` does."""
    import numpy

    if layout is None or layout.header_kind is HeaderKind.NONE:
        return numpy.zeros(rows.count, numpy.bool_)
    end = LONG_SIZE if layout.header_kind is HeaderKind.LONG else SHORT_SIZE
    word = rows.field("<u2", end - 2)
    mode, size = word >> 8 & 0x1F, (word >> 4 & 0x0F) * BLOCK
    announced = (mode == AES_CBC_STATIC) | (mode == AES_CBC_DERIVED)
    result: NDArray[numpy.bool_] = announced & (size > 0) & (size <= layout.size - end)
    return result
