"""Batches, packed to rows: whose each reading is, and what it says in few bytes."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from psycopg import errors

from mbusheadend.decoding.telegrams import DECODER
from mbusheadend.store.errors import StoreError, UnknownError
from mbusheadend.store.postgres.connection import PostgresConnection
from mbusheadend.store.postgres.database import WRITER_LOCK, Database, Line, transaction
from mbusheadend.store.postgres.meeting import LayoutsTogether, NewMeter, make_bases, take_in
from mbusheadend.store.sql.connection import Parameters, Row, texts
from mbusheadend.store.sql.intake import OUTCOMES, Taker, put_aside
from mbusheadend.store.sql.keys import Keys
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sql.owners import ForeignError, is_own
from mbusheadend.store.sql.rows import MASTERS
from mbushosting.readings import Batch, Reading, Receipt

_LATER: Final = "SET LOCAL synchronous_commit = off;"
"""What is made while packing is on the disk before the readings are: the log of a server is written in its order."""
_KNOWN: Final = """
SELECT found.id, found.master FROM unnest($1::bytea[], $2::bigint[]) AS wanted (id, taken) CROSS JOIN LATERAL
    (SELECT reading.id, reading.master FROM reading WHERE reading.id = wanted.id AND reading.taken = wanted.taken
        AND reading.taken >= $3 AND reading.taken <= $4 LIMIT 1) AS found
UNION ALL SELECT id, master FROM quarantine WHERE id = ANY($1::bytea[])
"""
_AT_HOME: Final = """
SELECT meter.id, identity FROM meter WHERE identity IN texts(?)
    AND EXISTS (SELECT 1 FROM stay WHERE stay.meter = meter.id AND until IS NULL)
"""
"""Meters that need no place any more."""


@dataclass(slots=True)
class Delivery:
    """A batch that waits to be stored.

    :ivar arrived: milliseconds since 1970.
    :ivar refused: ids of readings that are another master's.
    """

    batch: Batch
    arrived: int
    future: Future[Receipt] = field(default_factory=Future)
    refused: set[str] = field(default_factory=set)


class Stale(NamedTuple):
    """What others have changed: meters, and bases by number."""

    meters: frozenset[int]
    bases: frozenset[int]


class Newest(NamedTuple):
    """The newest sound reading of a meter in a group; `place` is that of its row."""

    place: int
    taken: int
    arrived: int


@dataclass(slots=True)
class Packed:
    """What is stored of batches.

    :ivar deliveries: without those of masters that are not here.
    :ivar rows: as `mbusheadend.store.postgres.tables.COLUMNS`; the number counts from 0.
    :ivar secrets: of each meter the key by which it was decoded, as it is stored.
    :ivar bases: by which telegrams were packed; `superseded` serve no new ones.
    """

    deliveries: list[Delivery]
    now: int
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    newest: dict[int, Newest] = field(default_factory=dict)
    secrets: dict[int, bytes] = field(default_factory=dict)
    bases: list[int] = field(default_factory=list)
    superseded: list[int] = field(default_factory=list)


class _Wanted(NamedTuple):
    id: bytes
    taken: int
    reading: Reading
    delivery: Delivery
    master: Row


class _Hesitant(PostgresConnection):
    """Lets nobody else change the fleet from the first change on."""

    def __init__(self, connection: PostgresConnection, tenant: int) -> None:
        super().__init__(connection.raw)
        self._lock: str | None = f"SELECT pg_advisory_xact_lock({WRITER_LOCK}, {tenant:d})"

    def lock(self) -> None:
        """Have the lock from now on."""
        if self._lock is not None:
            self.raw.execute(self._lock.encode())
            self._lock = None

    def execute(self, statement: str, parameters: Parameters = ()) -> Any:
        """See the protocol."""
        if not statement.lstrip().startswith("SELECT"):
            self.lock()
        return super().execute(statement, parameters)


class Packer:
    """Packs. For one thread."""

    def __init__(self, database: Database, line: Line, keys: Keys) -> None:
        self._database = database
        self._line = line
        self._keys = keys
        self._taker = Taker(keys)
        self._taker.layouts = self._layouts = LayoutsTogether()

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def pack(self, deliveries: list[Delivery], stale: Stale | None) -> Packed:
        """Pack batches; raise `StoreError`. A batch of a master that is not here is answered, and left out.

        :param stale: what is not as it was remembered.
        """
        if stale is not None:
            self._forget(stale)
        begins = (self._database.begin, self._database.begin_alone)
        for begin in begins:
            try:
                return self._packed(f"{begin} {_LATER}", deliveries)
            except StoreError as error:
                # Another process has taken a meter in, or moved it, between looking and doing.
                if begin is begins[-1] or not isinstance(error.__cause__, errors.UniqueViolation):
                    raise
        raise AssertionError("one of them returns or raises")

    def _packed(self, begin: str, deliveries: list[Delivery]) -> Packed:
        tries = 0

        def work(connection: PostgresConnection) -> Packed:
            nonlocal tries
            tries += 1
            if tries > 1:
                self._clear()
            return self._pack(connection, deliveries)

        try:
            return transaction(self._database.server, self._line, begin, work)
        except BaseException:
            self._clear()
            raise

    def _clear(self) -> None:
        self._taker.clear()
        self._keys.clear()

    def _forget(self, stale: Stale) -> None:
        for meter in stale.meters:
            self._keys.forget(meter)
        if stale.meters:
            self._taker.owners.clear()
        if stale.bases:
            self._taker.bases.clear()

    def _pack(self, connection: PostgresConnection, deliveries: list[Delivery]) -> Packed:
        bases = self._taker.bases
        bases.begin()
        wanted, present = self._wanted(connection, deliveries)
        packed = Packed(present, max((one.arrived for one in deliveries), default=0))
        owned, is_aside = self._owned(connection, wanted)
        meters = {meter for meter, _ in owned}
        self._prepare(connection, meters, owned)
        for meter, one in owned:
            self._add(connection, packed, meter, one)
        self._layouts.settle(connection)
        packed.secrets = {meter: self._keys.closed_key(meter) or b"" for meter in meters}
        packed.bases = sorted(bases.used)
        packed.superseded = [number for _, number in bases.superseded]
        if is_aside:
            connection.raw.execute("SET LOCAL synchronous_commit = on")
        return packed

    def _wanted(
        self, connection: PostgresConnection, deliveries: list[Delivery]
    ) -> tuple[list[_Wanted], list[Delivery]]:
        """Give the readings that are not there yet, each once, and the batches that are answered later."""
        serials = {delivery.batch.serial_number for delivery in deliveries}
        query = f"{MASTERS} AND serial IN texts(?)"
        masters = {row["serial"]: row for row in connection.execute(query, (texts(serials),))}
        found: dict[bytes, _Wanted] = {}
        present = []
        for delivery in deliveries:
            serial = delivery.batch.serial_number
            if serial not in masters:
                if not delivery.future.done():
                    delivery.future.set_exception(UnknownError(f"the master {serial} was not taken in here"))
                continue
            present.append(delivery)
            delivery.refused.clear()
            for reading in delivery.batch.readings:
                id = bytes.fromhex(reading.id)
                one = _Wanted(id, stored(reading.taken), reading, delivery, masters[serial])
                if found.setdefault(id, one).master is not masters[serial]:
                    delivery.refused.add(reading.id)
        for id, master in _known(connection, found):
            if found[id].master["id"] != master:
                found[id].delivery.refused.add(found[id].reading.id)
            del found[id]
        return [*found.values()], present

    def _owned(
        self, connection: PostgresConnection, wanted: list[_Wanted]
    ) -> tuple[list[tuple[int, _Wanted]], bool]:
        """Find the meters of readings; what is another meter's is put aside: say whether there was any."""
        owners = self._taker.owners
        unknown = owners.unknown({one.reading.meter for one in wanted})
        if unknown:
            for row in connection.execute(_AT_HOME, (texts(unknown),)):
                owners.remember(row["identity"], row["id"])
        hesitant = _Hesitant(connection, self._database.tenant)
        self._meet(hesitant, wanted)
        owned = []
        is_aside = False
        for one in wanted:
            try:
                owned.append((owners.owner(hesitant, one.master, one.reading, one.taken), one))
            except ForeignError as error:
                put_aside(connection, one.master["id"], one.reading, one.delivery.arrived, str(error))
                is_aside = True
        return owned, is_aside

    def _meet(self, hesitant: _Hesitant, wanted: list[_Wanted]) -> None:
        """Take in at once the meters that nobody knows."""
        owners = self._taker.owners
        unknown = owners.unknown({one.reading.meter for one in wanted})
        if not unknown:
            return
        rows = hesitant.execute("SELECT identity FROM meter WHERE identity IN texts(?)", (texts(unknown),))
        unknown.difference_update(row["identity"] for row in rows)
        new = {
            one.reading.meter: NewMeter(one.reading.meter, one.master["id"], one.reading.bus, one.taken)
            for one in reversed(wanted)
            if one.reading.meter in unknown and is_own(one.reading)
        }
        if new:
            hesitant.lock()
            for identity, meter in take_in(hesitant, new.values()):
                owners.remember(identity, meter)

    def _prepare(
        self, connection: PostgresConnection, meters: Iterable[int], owned: list[tuple[int, _Wanted]]
    ) -> None:
        """Remember at once what is not remembered of many meters, and make what they lack."""
        unknown = {meter for meter in meters if self._keys.closed_key(meter) is None}
        if not unknown:
            return
        for part in (self._keys, self._layouts, self._taker.bases):
            part.prepare(connection, unknown)
        frames = (
            (meter, place, frame)
            for meter, one in reversed(owned)
            if meter in unknown
            for place, frame in enumerate(one.reading.telegrams)
        )
        make_bases(connection, self._taker.bases, frames)

    def _add(self, connection: PostgresConnection, packed: Packed, meter: int, one: _Wanted) -> None:
        taker, reading, place = self._taker, one.reading, len(packed.rows)
        arrived = one.delivery.arrived
        frames = reading.telegrams
        outcome = OUTCOMES.index(reading.outcome)
        packed.rows.append(
            (
                place,
                one.taken,
                stored(reading.slot) - one.taken,
                arrived - one.taken,
                one.master["id"],
                meter,
                taker.words.number(connection, reading.schedule),
                taker.words.number(connection, reading.clock),
                reading.baud,
                outcome,
                reading.attempts,
                DECODER,
                one.id,
                reading.remark.replace("\0", "\ufffd"),
                taker.bases.pack(connection, meter, frames, place) if frames else None,
                taker.said(connection, meter, frames, self._keys.key_if_it_opens(connection, meter)),
            )
        )
        if outcome == 0:
            newest = packed.newest.get(meter)
            if newest is None or one.taken >= newest.taken:
                packed.newest[meter] = Newest(place, one.taken, arrived)


def _known(connection: PostgresConnection, found: dict[bytes, _Wanted]) -> list[tuple[bytes, int]]:
    """Give the readings that are there already, each with the master that has delivered it."""
    taken = [one.taken for one in found.values()]
    if not taken:
        return []
    cursor = connection.raw.cursor(binary=True)
    rows = cursor.execute(_KNOWN.encode(), ([*found], taken, min(taken), max(taken)))
    return [*{row["id"]: row["master"] for row in rows}.items()]
