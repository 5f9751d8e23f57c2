"""Masters and meters in the file."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from mbusheadend.store.changes import Changes
from mbusheadend.store.errors import StoreRefusedError, WrongOwnerError
from mbusheadend.store.fleet import ContactFacts, Master, Meter, Place, Stay
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.enrolment import revoke_all
from mbusheadend.store.sql.expectations import renew
from mbusheadend.store.sql.moments import MILLISECOND, moment_of, stored
from mbusheadend.store.sql.places import add_listed, merge_list
from mbusheadend.store.sql.rows import (
    MASTERS,
    METERS,
    checked_groups,
    find_master,
    find_meter,
    master_of,
    meter_of,
)
from mbushosting.contact import CommandResult, Contact


class SqlFleet:
    """See `mbusheadend.store.protocol.Fleet`."""

    _database: Database
    _changes: Changes

    async def masters(self) -> tuple[Master, ...]:
        """See the protocol."""
        return await self._database.read(
            lambda connection: tuple(
                master_of(row) for row in connection.execute(f"{MASTERS} ORDER BY serial").fetchall()
            )
        )

    async def master(self, serial: str) -> Master:
        """See the protocol."""
        return await self._database.read(lambda connection: master_of(find_master(connection, serial)))

    async def set_master(self, serial: str, *, name: str, groups: Iterable[str]) -> None:
        """See the protocol."""
        names = _groups(groups)

        def work(connection: Connection) -> None:
            number = find_master(connection, serial)["id"]
            connection.execute("UPDATE master SET name = ? WHERE id = ?", (name, number))
            connection.execute("DELETE FROM master_group WHERE master = ?", (number,))
            connection.executemany(
                "INSERT INTO master_group (master, name) VALUES (?, ?)", [(number, group) for group in names]
            )

        await self._database.write(work)
        self._changes.tell([serial])

    async def delete_master(self, serial: str, now: datetime) -> None:
        """See the protocol."""
        moment = stored(now)

        def work(connection: Connection) -> None:
            number = find_master(connection, serial)["id"]
            revoke_all(connection, serial, now)
            connection.execute("DELETE FROM command WHERE master = ?", (number,))
            connection.execute("DELETE FROM local_master WHERE master = ?", (number,))
            connection.execute("DELETE FROM master_group WHERE master = ?", (number,))
            connection.execute(
                "UPDATE stay SET until = ? WHERE master = ? AND until IS NULL", (moment, number)
            )
            # The row stays: readings and stays tell by it where they come from.
            connection.execute(
                "UPDATE master SET removed = ?, name = '', contact = NULL, last_contact = NULL, clock_offset = NULL,"
                " meter_list = '' WHERE id = ?",
                (moment, number),
            )

        await self._database.write(work)
        self._changes.tell([serial])

    async def note_contact(self, serial: str, contact: Contact, now: datetime) -> ContactFacts:
        """See the protocol."""
        if contact.serial_number != serial:
            raise WrongOwnerError(f"the master {serial} spoke for {contact.serial_number}")
        return await self._database.write(lambda connection: _contact(connection, contact, now))

    async def meters(self, serial: str | None = None, group: str | None = None) -> tuple[Meter, ...]:
        """See the protocol."""
        conditions = {
            "master.serial = ?": serial,
            "meter.id IN (SELECT meter FROM meter_group WHERE name = ?)": group,
        }
        wanted = {condition: value for condition, value in conditions.items() if value is not None}
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        query = f"{METERS} {where} ORDER BY identity"
        return await self._database.read(
            lambda connection: tuple(meter_of(row) for row in connection.execute(query, (*wanted.values(),)))
        )

    async def meter(self, number: int) -> Meter:
        """See the protocol."""
        return await self._database.read(lambda connection: meter_of(find_meter(connection, number)))

    async def stays(self, number: int) -> tuple[Stay, ...]:
        """See the protocol."""
        query = """
            SELECT stay.*, serial FROM stay JOIN master ON master.id = stay.master
            WHERE meter = ? ORDER BY since DESC, stay.id DESC
        """
        return await self._database.read(
            lambda connection: tuple(_stay(row) for row in connection.execute(query, (number,)))
        )

    async def add_meters(
        self, serial: str, meters: Iterable[tuple[str, str, int | None, str]], now: datetime
    ) -> tuple[int, ...]:
        """See the protocol."""
        wanted, moment = tuple(meters), stored(now)

        def work(connection: Connection) -> tuple[int, ...]:
            master = find_master(connection, serial)
            new = [
                add_listed(connection, master, (bus, address), primary, note, moment)
                for bus, address, primary, note in wanted
            ]
            renew(connection, master, moment)
            return tuple(number for number in new if number is not None)

        numbers = await self._database.write(work)
        self._changes.tell([serial])
        return numbers

    async def set_meter(self, number: int, *, name: str, note: str, groups: Iterable[str]) -> None:
        """See the protocol."""
        names = _groups(groups)

        def work(connection: Connection) -> str | None:
            serial: str | None = find_meter(connection, number)["serial"]
            connection.execute("UPDATE meter SET name = ?, note = ? WHERE id = ?", (name, note, number))
            connection.execute("DELETE FROM meter_group WHERE meter = ?", (number,))
            connection.executemany(
                "INSERT INTO meter_group (meter, name) VALUES (?, ?)", [(number, group) for group in names]
            )
            return serial

        serial = await self._database.write(work)
        self._changes.tell([serial] if serial else [])


def _groups(names: Iterable[str]) -> frozenset[str]:
    try:
        return checked_groups(frozenset(names))
    except ValueError as error:
        raise StoreRefusedError(str(error)) from None


def _stay(row: Row) -> Stay:
    place = Place(row["serial"], row["bus"], row["address"])
    return Stay(place, moment_of(row["since"]), moment_of(row["until"]))


def _contact(connection: Connection, contact: Contact, now: datetime) -> ContactFacts:
    master = find_master(connection, contact.serial_number)
    before = master_of(master)
    moment, offset = stored(now), contact.time - now
    new_meters: tuple[int, ...] = ()
    meter_list = before.meter_list
    if contact.meters is not None:
        new_meters = merge_list(connection, master, contact.meters, moment)
        meter_list = contact.meter_list
        renew(connection, master, moment)
    connection.execute(
        "UPDATE master SET last_contact = ?, clock_offset = ?, contact = ?, meter_list = ? WHERE id = ?",
        (
            moment,
            offset // MILLISECOND,
            contact.model_dump_json(exclude={"meters"}),
            meter_list,
            master["id"],
        ),
    )
    settled = _settle(connection, master["id"], contact.results, moment)
    return ContactFacts(
        before.last_contact is None,
        _between(before.last_contact, now),
        offset,
        new_meters,
        _new_drops(before.contact, contact),
        settled,
    )


def _between(before: datetime | None, now: datetime) -> timedelta | None:
    return None if before is None else now - before


def _new_drops(before: Contact | None, contact: Contact) -> int:
    return max(0, contact.outbox.dropped - (0 if before is None else before.outbox.dropped))


def _settle(
    connection: Connection, master: int, results: tuple[CommandResult, ...], now: int
) -> tuple[str, ...]:
    settled = []
    for result in results:
        # What was given up here may have been done all the same: the master knows best.
        found = connection.execute(
            "UPDATE command SET state = ?, detail = ?, changed = ? WHERE master = ? AND id = ?"
            " AND state IN ('waiting', 'sent', 'expired', 'cancelled')",
            (result.outcome, result.detail, now, master, result.id),
        )
        if found.rowcount:
            settled.append(result.id)
    return tuple(settled)
