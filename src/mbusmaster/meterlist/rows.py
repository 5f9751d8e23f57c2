"""Rows of the file as meters, and back."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from mbus.addressing import SecondaryAddress, is_primary
from mbus.errors import AddressError
from mbusmaster.meterlist.database import moment_of, moment_text
from mbusmaster.meterlist.doubt import doubts_of, doubts_text
from mbusmaster.meterlist.meter import Meter, Rate, Status


def load_meters(connection: sqlite3.Connection) -> list[Meter]:
    """Read every meter; raise `ValueError` for what no meter can be."""
    rates: dict[int, list[Rate]] = {}
    for row in connection.execute("SELECT * FROM rate ORDER BY baud"):
        seen = moment_of(row["last_seen"])
        if seen is None:
            raise ValueError(f"rate {row['baud']} of meter {row['meter']} has no date")
        rates.setdefault(row["meter"], []).append(Rate(row["baud"], seen, bool(row["answers"])))
    return [
        Meter(
            id=row["id"],
            bus=row["bus"],
            secondary=secondary_of(row["secondary"]),
            primary=primary_of(row["primary_address"]),
            medium=row["medium"],
            fabrication=row["fabrication"],
            rates=tuple(rates.get(row["id"], ())),
            first_seen=moment_of(row["first_seen"]),
            last_seen=moment_of(row["last_seen"]),
            status=Status(row["status"]),
            checked=moment_of(row["checked"]),
            remark=row["remark"],
            note=row["note"],
            doubts=doubts_of(row["doubts"]),
        )
        for row in connection.execute("SELECT * FROM meter ORDER BY id")
    ]


def insert_meter(connection: sqlite3.Connection, meter: Meter) -> int:
    """Write a new row; give its number."""
    columns = _columns(meter)
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    cursor = connection.execute(f"INSERT INTO meter ({names}) VALUES ({places})", tuple(columns.values()))  # noqa: S608
    assert cursor.lastrowid is not None
    _write_rates(connection, cursor.lastrowid, meter.rates)
    return cursor.lastrowid


def update_meter(connection: sqlite3.Connection, meter: Meter) -> None:
    """Write a row that is there."""
    columns = _columns(meter)
    settings = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE meter SET {settings} WHERE id = ?", (*columns.values(), meter.id))  # noqa: S608
    connection.execute("DELETE FROM rate WHERE meter = ?", (meter.id,))
    _write_rates(connection, meter.id, meter.rates)


def secondary_of(text: str | None) -> SecondaryAddress | None:
    """Read a secondary address; raise `ValueError`."""
    try:
        return None if text is None else SecondaryAddress.from_text(text)
    except AddressError as error:
        raise ValueError(str(error)) from None


def primary_of(number: int | None) -> int | None:
    """Check a primary address; raise `ValueError`."""
    if number is not None and not is_primary(number):
        raise ValueError(f"{number} is no primary address")
    return number


def _columns(meter: Meter) -> dict[str, Any]:
    return {
        "bus": meter.bus,
        "secondary": None if meter.secondary is None else str(meter.secondary),
        "primary_address": meter.primary,
        "medium": meter.medium,
        "fabrication": meter.fabrication,
        "first_seen": moment_text(meter.first_seen),
        "last_seen": moment_text(meter.last_seen),
        "status": str(meter.status),
        "checked": moment_text(meter.checked),
        "remark": meter.remark,
        "note": meter.note,
        "doubts": doubts_text(meter.doubts),
    }


def _write_rates(connection: sqlite3.Connection, meter: int, rates: Iterable[Rate]) -> None:
    connection.executemany(
        "INSERT INTO rate (meter, baud, last_seen, answers) VALUES (?, ?, ?, ?)",
        [(meter, rate.baud, moment_text(rate.last_seen), int(rate.answers)) for rate in rates],
    )
