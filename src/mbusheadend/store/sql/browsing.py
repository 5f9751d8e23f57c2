"""Lists of masters and meters, found and counted in the file."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from mbusheadend.store.browsing import (
    FleetCounts,
    MasterFilter,
    MasterPage,
    MasterSort,
    MeterChoices,
    MeterFilter,
    MeterPage,
    MeterSort,
)
from mbusheadend.store.sql.connection import Connection, Database
from mbusheadend.store.sql.moments import stored
from mbusheadend.store.sql.rows import MASTERS, METERS, master_of, meter_of

MAX_PAGE: Final = 1000
_HERE: Final = """
FROM meter LEFT JOIN stay ON stay.meter = meter.id AND stay.until IS NULL LEFT JOIN master ON master.id = stay.master
"""
_CALLS: Final = "master.id NOT IN (SELECT master FROM local_master)"
"""It is not read locally."""
_EXACT: Final = "length(meter.identity) = 16 AND instr(meter.identity, '/') = 0"
_MASTER_ORDERS: Final = {
    MasterSort.SERIAL: ("serial",),
    MasterSort.NAME: ("name = ''", "folded(name)", "serial"),
    MasterSort.CONTACT: ("last_contact", "serial"),
}
_METER_ORDERS: Final = {
    MeterSort.IDENTITY: ("meter.identity",),
    MeterSort.NAME: ("meter.name = ''", "folded(meter.name)", "meter.identity"),
    MeterSort.MASTER: ("master.serial IS NULL", "master.serial", "stay.bus", "stay.address"),
    MeterSort.STATUS: ("meter.status", "meter.identity"),
    MeterSort.READ: ("meter.latest_taken", "meter.identity"),
}
_MAY_LACK: Final = frozenset(
    {"last_contact", "meter.latest_taken", "master.serial", "stay.bus", "stay.address"}
)


class SqlBrowsing:
    """See `mbusheadend.store.browsing.Browsing`."""

    _database: Database

    async def find_masters(self, chosen: MasterFilter, offset: int = 0, limit: int = 50) -> MasterPage:
        """See the protocol."""
        where, values = _masters_where(chosen)
        order = _order(_MASTER_ORDERS[chosen.sort], descending=chosen.descending)

        def work(connection: Connection) -> MasterPage:
            rows = connection.execute(
                f"{MASTERS} AND {where} ORDER BY {order} LIMIT :limit OFFSET :offset",
                {**values, "limit": min(limit, MAX_PAGE), "offset": offset},
            ).fetchall()
            every = "FROM master WHERE removed IS NULL"
            total, matching = _counted(connection, every, f"{every} AND {where}", values)
            return MasterPage(tuple(map(master_of, rows)), matching, total)

        return await self._database.read(work)

    async def find_meters(self, chosen: MeterFilter, offset: int = 0, limit: int = 50) -> MeterPage:
        """See the protocol."""
        where, values = _meters_where(chosen)
        order = _order(_METER_ORDERS[chosen.sort], descending=chosen.descending)
        # What stands in a row is put together for those of the page alone.
        numbers = f"SELECT meter.id {_HERE} WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset"

        def work(connection: Connection) -> MeterPage:
            rows = connection.execute(
                f"{METERS} WHERE meter.id IN ({numbers}) ORDER BY {order}",
                {**values, "limit": min(limit, MAX_PAGE), "offset": offset},
            ).fetchall()
            total, matching = _counted(connection, "FROM meter", f"{_HERE} WHERE {where}", values)
            return MeterPage(tuple(map(meter_of, rows)), matching, total)

        return await self._database.read(work)

    async def meter_choices(self) -> MeterChoices:
        """See the protocol."""

        def work(connection: Connection) -> MeterChoices:
            media = connection.execute(
                f"SELECT DISTINCT substr(identity, 15, 2) FROM meter WHERE {_EXACT} ORDER BY 1"  # noqa: S608
            )
            statuses = connection.execute("SELECT DISTINCT status FROM meter WHERE status != '' ORDER BY 1")
            return MeterChoices(
                tuple(int(row[0], 16) for row in media), tuple(row[0] for row in statuses.fetchall())
            )

        return await self._database.read(work)

    async def count_fleet(self, silent_since: datetime, unread_since: datetime) -> FleetCounts:
        """See the protocol."""
        masters = f"""
            SELECT count(*), coalesce(sum(truth(last_contact IS NULL)), 0), coalesce(sum(truth(last_contact < ?)), 0),
                coalesce(sum(member_number(contact, 'outbox.waiting')), 0)
            FROM master WHERE removed IS NULL AND {_CALLS}
        """  # noqa: S608
        unread = f"SELECT count(*) {_HERE} WHERE stay.id IS NOT NULL AND {_UNREAD}"

        def work(connection: Connection) -> FleetCounts:
            count, never, silent, waiting = connection.execute(masters, (stored(silent_since),)).fetchone()
            meters = connection.execute("SELECT count(*) FROM meter").fetchone()[0]
            not_read = connection.execute(unread, {"unread": stored(unread_since)}).fetchone()[0]
            return FleetCounts(count, never, silent, int(waiting), meters, not_read)

        return await self._database.read(work)

    async def meters_at(self, serials: Iterable[str]) -> Mapping[str, int]:
        """See the protocol."""
        return await self._counts(
            "SELECT serial, count(*) FROM stay JOIN master ON master.id = stay.master"
            " WHERE until IS NULL AND serial IN texts(?) GROUP BY serial",
            serials,
        )

    async def alarms_at(self, serials: Iterable[str]) -> Mapping[str, int]:
        """See the protocol."""
        return await self._counts(
            "SELECT master, count(*) FROM alarm WHERE cleared IS NULL AND master IN texts(?) GROUP BY master",
            serials,
        )

    async def alarms_of(self, meters: Iterable[int]) -> Mapping[int, int]:
        """See the protocol."""
        return await self._counts(
            "SELECT meter, count(*) FROM alarm WHERE cleared IS NULL AND meter IN numbers(?) GROUP BY meter",
            meters,
        )

    async def _counts(self, query: str, wanted: Iterable[Any]) -> Mapping[Any, int]:
        keys = json.dumps(sorted(wanted))
        return dict(
            await self._database.read(
                lambda connection: [(row[0], row[1]) for row in connection.execute(query, (keys,))]
            )
        )


_UNREAD: Final = "(meter.latest_taken IS NULL OR meter.latest_taken < :unread)"


def _masters_where(chosen: MasterFilter) -> tuple[str, dict[str, Any]]:
    alarm = "EXISTS (SELECT 1 FROM alarm WHERE cleared IS NULL AND alarm.master = serial)"
    return _where(
        (
            (
                "(serial LIKE :text ESCAPE '\\' OR name LIKE :text ESCAPE '\\'"
                " OR member_text(contact, 'name') LIKE :text ESCAPE '\\')",
                "text",
                _pattern(chosen.text),
            ),
            ("id IN (SELECT master FROM master_group WHERE name = :group)", "group", chosen.group),
            (
                f"(last_contact IS NULL OR last_contact < :silent) AND {_CALLS}",
                "silent",
                stored(chosen.silent_since),
            ),
            (f"truth({alarm}) = :alarm", "alarm", chosen.has_alarm),
        )
    )


def _meters_where(chosen: MeterFilter) -> tuple[str, dict[str, Any]]:
    alarm = "EXISTS (SELECT 1 FROM alarm WHERE cleared IS NULL AND alarm.meter = meter.id)"
    columns = ("meter.identity", "meter.name", "meter.note", "stay.address")
    text = " OR ".join(f"{column} LIKE :text ESCAPE '\\'" for column in columns)
    medium = None if chosen.medium is None else f"{chosen.medium:02X}"
    return _where(
        (
            (f"({text})", "text", _pattern(chosen.text)),
            ("master.serial = :master", "master", chosen.master),
            ("meter.id IN (SELECT meter FROM meter_group WHERE name = :group)", "group", chosen.group),
            (f"{_EXACT} AND substr(meter.identity, 15, 2) = :medium", "medium", medium),
            ("meter.status = :status", "status", chosen.status),
            (f"stay.id IS NOT NULL AND {_UNREAD}", "unread", stored(chosen.unread_since)),
            (f"truth({alarm}) = :alarm", "alarm", chosen.has_alarm),
            ("truth(meter.secret IS NOT NULL) = :key", "key", chosen.has_key),
        )
    )


def _where(conditions: Iterable[tuple[str, str, Any]]) -> tuple[str, dict[str, Any]]:
    wanted = [one for one in conditions if one[2] is not None]
    return " AND ".join(one[0] for one in wanted) or "TRUE", {name: value for _, name, value in wanted}


def _pattern(text: str) -> str | None:
    if not text:
        return None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _order(parts: tuple[str, ...], *, descending: bool) -> str:
    """Turn all round but what puts empty ones at the end; what was never is before everything else."""
    return ", ".join(map(_descending if descending else _ascending, parts))


def _ascending(part: str) -> str:
    # Only where something can be NULL: an index of PostgreSQL has it at the other end, and would be of no use.
    return f"{part} ASC NULLS FIRST" if part in _MAY_LACK else part


def _descending(part: str) -> str:
    if part.endswith(("= ''", "IS NULL")):
        return part
    return f"{part} DESC NULLS LAST" if part in _MAY_LACK else f"{part} DESC"


def _counted(connection: Connection, every: str, wanted: str, values: Mapping[str, Any]) -> tuple[int, int]:
    """Give how many there are, and how many are wanted."""
    total: int = connection.execute(f"SELECT count(*) {every}").fetchone()[0]
    if not values:
        return total, total
    matching: int = connection.execute(f"SELECT count(*) {wanted}", values).fetchone()[0]
    return total, matching
