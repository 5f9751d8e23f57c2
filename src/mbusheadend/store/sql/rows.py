"""Rows of masters and meters, found and read."""

import json
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from mbusheadend.store.errors import UnknownError
from mbusheadend.store.fleet import Master, Meter, Place
from mbusheadend.store.local import LocalPlace
from mbusheadend.store.sql.connection import Connection, Row
from mbusheadend.store.sql.moments import moment_of
from mbushosting.contact import Contact
from mbusio.listreading import Patience

_BETWEEN: Final = "\x1f"
"""Between the names of groups in one cell."""
MASTERS: Final = f"""
SELECT master.*, (SELECT place FROM local_master WHERE master = master.id) AS local,
    (SELECT joined(name, '{_BETWEEN}') FROM master_group WHERE master = master.id) AS groups
FROM master WHERE removed IS NULL
"""  # noqa: S608 - a constant
METERS: Final = f"""
SELECT meter.*, stay.bus, stay.address, master.serial,
    (SELECT joined(name, '{_BETWEEN}') FROM meter_group WHERE meter = meter.id) AS groups
FROM meter LEFT JOIN stay ON stay.meter = meter.id AND stay.until IS NULL LEFT JOIN master ON master.id = stay.master
"""  # noqa: S608 - a constant


def find_master(connection: Connection, serial: str) -> Row:
    """Give the row of a master; raise `UnknownError` where it was not taken in, or was removed."""
    row: Row | None = connection.execute(f"{MASTERS} AND serial = ?", (serial,)).fetchone()
    if row is None:
        raise UnknownError(f"the master {serial} was not taken in here")
    return row


def find_meter(connection: Connection, number: int) -> Row:
    """Give the row of a meter; raise `UnknownError`."""
    row: Row | None = connection.execute(f"{METERS} WHERE meter.id = ?", (number,)).fetchone()
    if row is None:
        raise UnknownError(f"there is no meter {number}")
    return row


def groups_of(text: str | None) -> frozenset[str]:
    """Read the names of groups."""
    return frozenset(text.split(_BETWEEN)) if text else frozenset()


def checked_groups(names: frozenset[str]) -> frozenset[str]:
    """Refuse names that cannot be told apart later; raise `ValueError`."""
    if any(not name or not name.isprintable() or len(name) > 64 for name in names):
        raise ValueError("a group has a name of 1 to 64 printable characters")
    return names


def master_of(row: Row) -> Master:
    """Read a row of `MASTERS`."""
    offset = row["clock_offset"]
    return Master(
        row["serial"],
        row["name"],
        groups_of(row["groups"]),
        moment_of(row["enrolled"]),
        moment_of(row["last_contact"]),
        None if offset is None else timedelta(milliseconds=offset),
        _contact(row["contact"]),
        row["orders"],
        row["meter_list"],
        None if row["local"] is None else _local_place(row["local"]),
    )


def _contact(body: str | None) -> Contact | None:
    """Read a contact; one that a program of another version kept, and this one cannot read, counts for none."""
    try:
        return None if body is None else Contact.model_validate_json(body)
    except ValidationError:
        return None


def _local_place(body: str) -> LocalPlace:
    place = json.loads(body)
    return LocalPlace(place["url"], Patience(**place["patience"]))


def meter_of(row: Row) -> Meter:
    """Read a row of `METERS`."""
    place = None if row["serial"] is None else Place(row["serial"], row["bus"], row["address"])
    return Meter(
        row["id"],
        row["identity"],
        place,
        row["primary_address"],
        row["name"],
        row["note"],
        groups_of(row["groups"]),
        row["secret"] is not None,
        row["status"],
        tuple(int(rate) for rate in row["rates"].split()),
        moment_of(row["first_seen"]),
        moment_of(row["last_seen"]),
        moment_of(row["latest_taken"]),
    )
