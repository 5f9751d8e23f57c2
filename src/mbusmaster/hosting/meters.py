"""What hosted reading knows of single meters: who they are, what worked the last time, how often they were read today."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime

from mbus.addressing import SecondaryAddress, parse_address
from mbus.errors import AddressError
from mbus.procedures.persistent import Known
from mbushosting.parts import MeterName
from mbusmaster.hosting.database import Database, milliseconds_of
from mbusmaster.hosting.reader import Subject
from mbusmaster.hosting.rows import answered_since, meter_number

Name = tuple[str, str]
"""Bus and address."""


def subjects_of(
    wanted: Sequence[MeterName], listed: Iterable[Subject], buses: Collection[str]
) -> tuple[list[Subject], set[str]]:
    """Tell whom to read, and the buses among them that are not here.

    :param wanted: as ordered; empty is everybody who is listed.
    """
    by_name = {(one.bus, one.address): one for one in listed}
    if not wanted:
        return [one for one in by_name.values() if one.bus in buses], set()
    found = {(one.bus, one.address): by_name.get((one.bus, one.address)) or _subject(one) for one in wanted}
    subjects = [one for one in found.values() if one is not None and one.bus in buses]
    return subjects, {bus for bus, _ in found} - set(buses)


def _subject(name: MeterName) -> Subject | None:
    try:
        address = parse_address(name.address)
    except AddressError:
        return None
    if isinstance(address, SecondaryAddress):
        return Subject(name.bus, name.address, address)
    return Subject(name.bus, name.address, None, address)


class Memory:
    """What is kept of meters in the file of hosted reading; `open` reads it.

    Days begin at midnight UTC.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Name, Known] = {}
        self._day: date | None = None
        self._answered: dict[Name, int] = {}

    async def open(self) -> None:
        """Begin; raise `HostingFileError`."""

        def look(connection: sqlite3.Connection) -> dict[Name, Known]:
            rows = connection.execute(
                "SELECT bus, address, baud, by_primary FROM meter WHERE baud IS NOT NULL"
            )
            return {(bus, address): Known(baud, bool(by_primary)) for bus, address, baud, by_primary in rows}

        self._known = await self._database.read(look)

    def known(self, who: Subject) -> Known | None:
        """Tell what worked the last time."""
        return self._known.get((who.bus, who.address))

    async def learn(self, who: Subject, known: Known) -> None:
        """Keep what worked; raise `HostingFileError`."""
        if self.known(who) == known:
            return

        def store(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE meter SET baud = ?, by_primary = ? WHERE id = ?",
                (known.baud, known.by_primary, meter_number(connection, who.bus, who.address)),
            )

        await self._database.change(store)
        self._known[who.bus, who.address] = known

    async def may_read(self, who: Subject, budget: int | None, now: datetime) -> bool:
        """Tell whether a meter's budget for the day has room; raise `HostingFileError`."""
        if budget is None:
            return True
        day = now.astimezone(UTC).date()
        if day != self._day:
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            self._answered = await self._database.read(
                lambda connection: answered_since(connection, milliseconds_of(midnight))
            )
            self._day = day
        return self._answered.get((who.bus, who.address), 0) < budget

    def note_answer(self, who: Subject) -> None:
        """A meter has answered."""
        if self._day is not None:
            name = who.bus, who.address
            self._answered[name] = self._answered.get(name, 0) + 1
