"""Which meter is at which place of which master, now and before.

The secondary address tells a meter wherever it is read. A place that is named by a primary address or with wildcards has the
meter that answered there last; until one says who it is, the place itself stands for it.
"""

from typing import Final

from mbusheadend.store.sql.connection import Connection, Row
from mbusheadend.store.sql.moments import AHEAD, stored
from mbushosting.contact import MeterReport

WILDCARD: Final = "F"


def is_exact(address: str) -> bool:
    """Tell whether an address names one meter by itself: 16 hex digits without a wildcard.

    Wildcards are F in the identification, FFFF as manufacturer, FF as version and as medium.
    """
    return len(address) == 16 and not (
        WILDCARD in address[:8] or address[8:12] == "FFFF" or address[12:14] == "FF" or address[14:] == "FF"
    )


def merge_list(
    connection: Connection, master: Row, reports: tuple[MeterReport, ...], now: int
) -> tuple[int, ...]:
    """Take over a master's list; give the numbers of meters that were not known before."""
    new = []
    listed = set()
    for report in reports:
        meter, is_new = _reported(connection, master, report, now)
        if is_new:
            new.append(meter)
        listed.add((report.bus, report.address))
    stays = connection.execute("SELECT * FROM stay WHERE master = ? AND until IS NULL", (master["id"],))
    for stay in stays.fetchall():
        if (stay["bus"], stay["address"]) not in listed:
            connection.execute("UPDATE stay SET until = ? WHERE id = ?", (now, stay["id"]))
    return tuple(new)


def _reported(connection: Connection, master: Row, report: MeterReport, now: int) -> tuple[int, bool]:
    here = occupant(connection, master["id"], report.bus, report.address)
    identity = identity_at(master["serial"], report.bus, report.address)
    # A clock that was ahead must not keep the meter here for ever.
    seen = None if report.last_seen is None else min(stored(report.last_seen), now + AHEAD)
    if here is not None and not is_exact(report.address):
        meter, is_new = here, False
    else:
        meter, is_new = meter_of_identity(connection, identity, now)
        if here != meter and not _is_elsewhere_since(connection, meter, seen):
            move(connection, meter, (master["id"], report.bus, report.address), now)
    connection.execute(
        "UPDATE meter SET primary_address = coalesce(?, primary_address), status = ?, rates = ?,"
        " last_seen = greatest(coalesce(last_seen, ?), coalesce(?, last_seen)) WHERE id = ?",
        (report.primary, report.status, " ".join(map(str, report.rates)), seen, seen, meter),
    )
    return meter, is_new


def add_listed(
    connection: Connection,
    master: Row,
    place: tuple[str, str],
    primary: int | None,
    note: str,
    now: int,
) -> int | None:
    """Take a meter that a person's list names at a place of a master; give its number where it is new."""
    bus, address = place
    here = occupant(connection, master["id"], bus, address)
    if here is not None:
        meter, is_new = here, False
    else:
        meter, is_new = meter_of_identity(connection, identity_at(master["serial"], bus, address), now)
        if not _is_kept_elsewhere(connection, master, meter):
            move(connection, meter, (master["id"], bus, address), now)
    connection.execute(
        "UPDATE meter SET primary_address = coalesce(?1, primary_address),"
        " note = CASE WHEN ?2 = '' THEN note ELSE ?2 END WHERE id = ?3",
        (primary, note, meter),
    )
    return meter if is_new else None


def _is_kept_elsewhere(connection: Connection, master: Row, meter: int) -> bool:
    """Tell whether a meter is at a master that a person's list of another one does not take it from.

    Masters that are read locally have no word of their own: among them the newest list counts.
    """
    stay = connection.execute(
        "SELECT local_master.master AS local FROM stay LEFT JOIN local_master ON local_master.master = stay.master"
        " WHERE meter = ? AND until IS NULL",
        (meter,),
    ).fetchone()
    return stay is not None and (stay["local"] is None or master["local"] is None)


def _is_elsewhere_since(connection: Connection, meter: int, seen: int | None) -> bool:
    """Tell whether the meter was met at another place after this list had met it."""
    row = connection.execute(
        "SELECT last_seen FROM meter JOIN stay ON stay.meter = meter.id AND until IS NULL WHERE meter.id = ?",
        (meter,),
    ).fetchone()
    return row is not None and row["last_seen"] is not None and (seen is None or seen <= row["last_seen"])


def identity_at(serial: str, bus: str, address: str) -> str:
    """Say what a meter is known by of which only this place is known."""
    return address if is_exact(address) else f"{serial}/{bus}/{address}"


def occupant(connection: Connection, master: int, bus: str, address: str) -> int | None:
    """Give the number of the meter that is at a place now."""
    row = connection.execute(
        "SELECT meter FROM stay WHERE master = ? AND bus = ? AND address = ? AND until IS NULL",
        (master, bus, address),
    ).fetchone()
    return None if row is None else row["meter"]


def meter_of_identity(connection: Connection, identity: str, now: int) -> tuple[int, bool]:
    """Give the number of a meter and whether it is new."""
    row = connection.execute("SELECT id FROM meter WHERE identity = ?", (identity,)).fetchone()
    if row is not None:
        return row["id"], False
    statement = "INSERT INTO meter (identity, first_seen) VALUES (?, ?) RETURNING id"
    return connection.execute(statement, (identity, now)).fetchone()["id"], True


def move(connection: Connection, meter: int, place: tuple[int, str, str], now: int) -> None:
    """Let a meter be at a place from now on, and nowhere else, and no other meter there."""
    connection.execute("UPDATE stay SET until = ? WHERE meter = ? AND until IS NULL", (now, meter))
    connection.execute(
        "UPDATE stay SET until = ? WHERE master = ? AND bus = ? AND address = ? AND until IS NULL",
        (now, *place),
    )
    connection.execute(
        "INSERT INTO stay (meter, master, bus, address, since) VALUES (?, ?, ?, ?, ?)", (meter, *place, now)
    )
