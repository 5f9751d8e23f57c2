"""Whose a reading is: the meter that was asked, if nothing in the telegrams speaks against it (DESIGN 3.5)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mbus.addressing import SecondaryAddress
from mbus.application.header import fits
from mbusheadend.decoding.telegrams import sender_of
from mbusheadend.store.sql.connection import Connection, Row
from mbusheadend.store.sql.interned import Recent
from mbusheadend.store.sql.places import identity_at, is_exact, meter_of_identity, move, occupant
from mbushosting.readings import Reading

KEPT: Final = 65536
_CI: Final = 6
_IDENTITY: Final = slice(7, 15)


class ForeignError(Exception):
    """The telegrams are another meter's than the one that was asked; says why."""


class Owners:
    """Finds meters of readings. For one thread."""

    def __init__(self) -> None:
        self._exact: Recent[str, int] = Recent(KEPT)

    def owner(self, connection: Connection, master: Row, reading: Reading, taken: int) -> int:
        """Give the number of the meter; raise `ForeignError`."""
        if not is_exact(reading.meter):
            return _at_place(connection, master, reading, taken)
        for frame in reading.telegrams:
            _check_secondary(reading.meter, frame)
        known = self._exact.get(reading.meter)
        if known is not None:
            return known
        meter, _ = meter_of_identity(connection, reading.meter, taken)
        stay = connection.execute("SELECT 1 FROM stay WHERE meter = ? AND until IS NULL", (meter,)).fetchone()
        if stay is None and occupant(connection, master["id"], reading.bus, reading.meter) is None:
            move(connection, meter, (master["id"], reading.bus, reading.meter), taken)
        return self._exact.put(reading.meter, meter)

    def unknown(self, identities: Iterable[str]) -> set[str]:
        """Tell of which secondary addresses the meter is not remembered."""
        return {one for one in identities if is_exact(one) and self._exact.get(one) is None}

    def remember(self, identity: str, meter: int) -> None:
        """Remember a meter, which is at some place."""
        self._exact.put(identity, meter)

    def clear(self) -> None:
        """Forget what may have been undone."""
        self._exact.clear()


def is_own(reading: Reading) -> bool:
    """Tell whether nothing in the telegrams speaks against the secondary address that was asked."""
    try:
        for frame in reading.telegrams:
            _check_secondary(reading.meter, frame)
    except ForeignError:
        return False
    return True


def _check_secondary(address: str, frame: bytes) -> None:
    mask = _mask(address)
    if frame[_CI : _CI + 1] == b"\x72" and frame[_IDENTITY] == mask.to_bytes():
        return
    _, identity = sender_of(frame)
    if identity is not None and not fits(mask, identity):
        raise ForeignError(f"{address} was asked, and a telegram is of {identity}")


@lru_cache(KEPT)
def _mask(address: str) -> SecondaryAddress:
    return SecondaryAddress.from_text(address)


def _at_place(connection: Connection, master: Row, reading: Reading, taken: int) -> int:
    """Find the meter at a primary address, or behind wildcards: the telegrams say who it is, or it is the one that was there."""
    identities = set()
    for frame in reading.telegrams:
        sender, identity = sender_of(frame)
        if len(reading.meter) < 16 and sender is not None and sender != int(reading.meter):
            raise ForeignError(f"address {reading.meter} was asked, and a telegram is from address {sender}")
        if identity is not None:
            identities.add(identity)
    if len(identities) > 1:
        raise ForeignError(f"telegrams of one reading are of {' and of '.join(sorted(map(str, identities)))}")
    identity = identities.pop() if identities else None
    if len(reading.meter) == 16 and identity is not None and not fits(_mask(reading.meter), identity):
        raise ForeignError(f"{reading.meter} was asked, and a telegram is of {identity}")
    place = (master["id"], reading.bus, reading.meter)
    here = occupant(connection, *place)
    if identity is None:
        if here is not None:
            return here
        name = identity_at(master["serial"], reading.bus, reading.meter)
    else:
        name = str(identity)
    meter, _ = meter_of_identity(connection, name, taken)
    if meter != here and not _came_later(connection, place, taken):
        move(connection, meter, place, taken)
    return meter


def _came_later(connection: Connection, place: tuple[int, str, str], taken: int) -> bool:
    """Tell whether somebody has come to this place after that."""
    row = connection.execute(
        "SELECT 1 FROM stay JOIN meter ON meter.id = stay.meter WHERE master = ? AND bus = ? AND address = ? AND until IS NULL"
        " AND latest_taken > ?",
        (*place, taken),
    ).fetchone()
    return row is not None
