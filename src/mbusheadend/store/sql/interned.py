"""What many rows have in common and is kept once: words, layouts, bases; with what was used last in memory."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

from mbusheadend.decoding.errors import PackedError
from mbusheadend.decoding.raw import pack_frame
from mbusheadend.decoding.registers import Form, Layout, layout_of, layout_of_form, layout_text
from mbusheadend.decoding.telegrams import INLINE
from mbusheadend.store.sql.connection import Connection, numbers

K = TypeVar("K")
V = TypeVar("V")
KEPT: Final = 4096
KEPT_BASES: Final = 65536
MAX_LAYOUTS: Final = 64
"""New layouts of one meter that get numbers; one that makes more of them sends something new each time."""
RENEWAL: Final = 64
"""Frames of a meter that a base serves at least before another one takes its place."""


class Recent(Generic[K, V]):
    """A bounded mapping that forgets what was not used for longest."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._items: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Give what is remembered."""
        value = self._items.get(key)
        if value is not None:
            self._items.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> V:
        """Remember; give the value."""
        self._items[key] = value
        if len(self._items) > self._bound:
            self._items.popitem(last=False)
        return value

    def drop(self, key: K) -> None:
        """Forget one."""
        self._items.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()


class Words:
    """Texts by number. For one thread."""

    def __init__(self) -> None:
        self._numbers: Recent[str, int] = Recent(KEPT)

    def number(self, connection: Connection, text: str) -> int:
        """Give the number of a text."""
        return self._numbers.get(text) or self._numbers.put(text, _interned(connection, "word", "text", text))

    def clear(self) -> None:
        """Forget what may have been undone."""
        self._numbers.clear()


class LayoutBook:
    """Numbers of layouts, for one meter after the other. For one thread."""

    def __init__(self) -> None:
        self._numbers: Recent[Form, int] = Recent(KEPT)
        self._made: Recent[int, int] = Recent(KEPT_BASES)
        self._used: Recent[tuple[int, int], bool] = Recent(KEPT_BASES)
        self._connection: Connection | None = None
        self._meter = 0

    def begin(self, connection: Connection, meter: int) -> None:
        """Number layouts of this meter from now on."""
        self._connection, self._meter = connection, meter

    def number_of(self, form: Form) -> int:
        """See `mbusheadend.decoding.telegrams.LayoutNumbers`."""
        number = self._numbers.get(form)
        if number is None:
            number = self._find(form)
        if number != INLINE and self._used.get((self._meter, number)) is None:
            assert self._connection is not None, "begin comes first"
            self._note(self._connection, self._meter, number)
            self._used.put((self._meter, number), True)
        return number

    def _note(self, connection: Connection, meter: int, number: int) -> None:
        """Store that a meter has a layout."""
        connection.execute(
            "INSERT INTO meter_layout (meter, layout) VALUES (?, ?) ON CONFLICT DO NOTHING", (meter, number)
        )

    def _find(self, form: Form) -> int:
        assert self._connection is not None, "begin comes first"
        text = layout_text(layout_of_form(form))
        row = self._connection.execute("SELECT id FROM layout WHERE body = ?", (text,)).fetchone()
        if row is not None:
            return self._numbers.put(form, row["id"])
        made = self._made.get(self._meter) or 0
        if made >= MAX_LAYOUTS:
            return INLINE
        self._made.put(self._meter, made + 1)
        return self._numbers.put(form, _interned(self._connection, "layout", "body", text))

    def prepare(self, connection: Connection, meters: Iterable[int]) -> None:
        """Remember with one statement which layouts many meters have."""
        rows = connection.execute(
            "SELECT meter, layout FROM meter_layout WHERE meter IN numbers(?)", (numbers(meters),)
        )
        for row in rows:
            self._used.put((row["meter"], row["layout"]), True)

    def clear(self) -> None:
        """Forget what may have been undone."""
        self._numbers.clear()
        self._used.clear()


class Bases:
    """Bases of raw telegrams. For one thread.

    :ivar used: numbers of bases by which readings were packed since `begin`.
    :ivar superseded: of these the ones in whose place another one has come, each behind the reading that was its last.
    """

    def __init__(self) -> None:
        self._known: Recent[tuple[int, int, int], _Base] = Recent(KEPT_BASES)
        self.used: dict[int, tuple[int, int, int]] = {}
        self.superseded: list[tuple[int, int]] = []

    def begin(self) -> None:
        """Begin with the readings of another transaction."""
        self.used, self.superseded = {}, []

    def settle(self, connection: Connection) -> None:
        """Note which ones serve no new readings any more."""
        connection.executemany("UPDATE base SET superseded = ? WHERE id = ?", self.superseded)

    def prepare(self, connection: Connection, meters: Iterable[int]) -> None:
        """Remember the bases of many meters with one statement."""
        rows = connection.execute(
            "SELECT id, meter, place, frame FROM base WHERE superseded IS NULL AND meter IN numbers(?)",
            (numbers(meters),),
        )
        for row in rows:
            self._known.put((row["meter"], row["place"], len(row["frame"])), _Base(row["id"], row["frame"]))

    def has(self, meter: int, place: int, length: int) -> bool:
        """Tell whether a base for frames of a meter is remembered."""
        return self._known.get((meter, place, length)) is not None

    def remember(self, meter: int, place: int, number: int, frame: bytes) -> None:
        """Remember a base that was made."""
        self._known.put((meter, place, len(frame)), _Base(number, frame))

    def pack(
        self, connection: Connection, meter: int, frames: tuple[bytes, ...], reading: int
    ) -> bytes | None:
        """Pack the frames of a reading of this number."""
        packed = bytearray()
        for place, frame in enumerate(frames):
            key = (meter, place, len(frame))
            base = self._known.get(key) or self._known.put(key, _base(connection, key, frame))
            base.served += 1
            self.used[base.number] = key
            differing = pack_frame(frame, base.frame, base.number, packed)
            if 2 * differing > len(frame) and base.served > RENEWAL:
                self.superseded.append((reading, base.number))
                self._known.put(key, _new_base(connection, key, frame))
        return bytes(packed) or None

    def clear(self) -> None:
        """Forget what may have been undone."""
        self._known.clear()


class _Base:
    __slots__ = ("frame", "number", "served")

    def __init__(self, number: int, frame: bytes) -> None:
        self.number = number
        self.frame = frame
        self.served = 0


def _base(connection: Connection, key: tuple[int, int, int], frame: bytes) -> _Base:
    row = connection.execute(
        "SELECT id, frame FROM base WHERE meter = ? AND place = ? AND length(frame) = ? AND superseded IS NULL",
        key,
    ).fetchone()
    return _new_base(connection, key, frame) if row is None else _Base(row["id"], row["frame"])


def _new_base(connection: Connection, key: tuple[int, int, int], frame: bytes) -> _Base:
    statement = "INSERT INTO base (meter, place, frame) VALUES (?, ?, ?) RETURNING id"
    return _Base(connection.execute(statement, (*key[:2], frame)).fetchone()["id"], frame)


def _interned(connection: Connection, table: str, column: str, text: str) -> int:
    """Give the number of a text; another process may give it one at the same time."""
    find = f"SELECT id FROM {table} WHERE {column} = ?"  # noqa: S608
    add = f"INSERT INTO {table} ({column}) VALUES (?) ON CONFLICT DO NOTHING RETURNING id"  # noqa: S608
    rows = (connection.execute(statement, (text,)).fetchone() for statement in (find, add, find))
    number: int = next(row["id"] for row in rows if row is not None)
    return number


class Readable:
    """Layouts and bases for whoever reads: by their numbers, which never change. For one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bases: Recent[int, bytes] = Recent(KEPT)
        self._layouts: Recent[int, Layout] = Recent(KEPT)

    def layout(self, number: int) -> Layout:
        """See `mbusheadend.decoding.telegrams.Layouts`."""
        return self._layouts.get(number) or self._layouts.put(
            number, layout_of(self._cell("layout", "body", number))
        )

    def base(self, number: int) -> bytes:
        """Give a base; raise `PackedError`."""
        return self._bases.get(number) or self._bases.put(number, self._cell("base", "frame", number))

    def _cell(self, table: str, column: str, number: int) -> Any:
        row = self._connection.execute(f"SELECT {column} FROM {table} WHERE id = ?", (number,)).fetchone()  # noqa: S608
        if row is None:
            raise PackedError(f"there is no {table} {number}")
        return row[0]
