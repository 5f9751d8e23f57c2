"""Meters that come for the first time, taken in together: a master that is new brings all of its meters at once."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from mbusheadend.store.postgres.connection import PostgresConnection
from mbusheadend.store.sql.connection import Connection
from mbusheadend.store.sql.interned import Bases, LayoutBook

_METERS: Final = """
WITH new AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) AS new (identity, master, bus, taken)
), made AS (
    INSERT INTO meter (identity, first_seen) SELECT identity, taken FROM new WHERE NOT EXISTS (
        SELECT 1 FROM stay WHERE stay.master = new.master AND stay.bus = new.bus AND address = identity AND until IS NULL
    ) ORDER BY identity ON CONFLICT DO NOTHING RETURNING id, identity
)
INSERT INTO stay (meter, master, bus, address, since)
SELECT id, master, bus, identity, taken FROM made JOIN new USING (identity) RETURNING meter, address
"""
_BASES: Final = """
INSERT INTO base (meter, place, frame) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) ORDER BY 1, 2
RETURNING id, meter, place, frame
"""
_LAYOUTS: Final = """
INSERT INTO meter_layout (meter, layout) SELECT * FROM unnest($1::bigint[], $2::bigint[]) ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""


class NewMeter(NamedTuple):
    """A meter that nobody knows, at the place where it was read first.

    :ivar identity: by which it was asked: a whole secondary address.
    """

    identity: str
    master: int
    bus: str
    taken: int


def take_in(connection: PostgresConnection, meters: Iterable[NewMeter]) -> Iterable[tuple[str, int]]:
    """Take meters in, each at its place; give identities and numbers of those that were not there after all.

    What somebody else has taken in meanwhile, or whose place is another meter's, is left as it is. The caller lets nobody else
    change the fleet.
    """
    rows = connection.raw.execute(_METERS.encode(), _columns(meters)).fetchall()
    return [(row["address"], row["meter"]) for row in rows]


def make_bases(
    connection: PostgresConnection, bases: Bases, frames: Iterable[tuple[int, int, bytes]]
) -> None:
    """Make bases of these frames, each with its meter and its place in the reading, where none is remembered."""
    new = {
        (meter, place, len(frame)): (meter, place, frame)
        for meter, place, frame in frames
        if frame and not bases.has(meter, place, len(frame))
    }
    if new:
        cursor = connection.raw.cursor(binary=True)
        for row in cursor.execute(_BASES.encode(), _columns(new.values())):
            bases.remember(row["meter"], row["place"], row["id"], row["frame"])


class LayoutsTogether(LayoutBook):
    """Notes which layouts meters have, many by one statement."""

    def __init__(self) -> None:
        super().__init__()
        self._new: list[tuple[int, int]] = []

    def settle(self, connection: PostgresConnection) -> None:
        """Store what is new."""
        if self._new:
            connection.raw.execute(_LAYOUTS.encode(), _columns(self._new))
            self._new = []

    def clear(self) -> None:
        """Forget what may have been undone."""
        super().clear()
        self._new = []

    def _note(self, connection: Connection, meter: int, number: int) -> None:
        self._new.append((meter, number))


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
