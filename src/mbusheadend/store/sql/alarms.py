"""Alarms in the file."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from mbusheadend.alarms.alarm import Alarm, AlarmFilter, AlarmKey, AlarmPage, Raised
from mbusheadend.alarms.kinds import AlarmKind, Severity
from mbusheadend.store.errors import UnknownError
from mbusheadend.store.sql.connection import Connection, Database, Row, numbers, texts
from mbusheadend.store.sql.moments import moment_of, stored
from mbusweb.texts import Text

MAX_PAGE: Final = 1000
MOST_KEPT: Final = 100_000
"""Alarms that are over; a master that says something else each time fills no disk."""
_OPEN: Final = """
SELECT * FROM alarm WHERE kind = ?1 AND coalesce(meter, 0) = coalesce(?3, 0) AND detail = ?4 AND cleared IS NULL
    AND (?3 IS NOT NULL OR master = ?2)
"""
"""By a key; an alarm about a meter stays the same one when the meter goes to another master."""
_OF_GROUP: Final = (
    "(master IN (SELECT serial FROM master JOIN master_group ON master_group.master = master.id WHERE master_group.name = :group)"
    " OR meter IN (SELECT meter FROM meter_group WHERE name = :group))"
)
_INSERT: Final = """
INSERT INTO alarm (kind, master, meter, detail, severity, text, first, last, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
RETURNING id
"""


class SqlAlarms:
    """See `mbusheadend.store.watching.Alarms`."""

    _database: Database

    async def note_alarms(self, raised: Iterable[Raised], cleared: Iterable[AlarmKey], now: datetime) -> int:
        """See the protocol."""
        begun, ended = tuple(raised), tuple(cleared)
        if not begun and not ended:
            return 0
        return await self._database.write(lambda connection: note(connection, begun, ended, stored(now)))

    async def settle_alarms(
        self, kinds: Iterable[AlarmKind], master: str | None, raised: Iterable[Raised], now: datetime
    ) -> int:
        """See the protocol."""
        begun = tuple(raised)
        wanted = {_same(one.key) for one in begun}
        query = (
            "SELECT * FROM alarm WHERE cleared IS NULL AND kind IN texts(?1) AND (?2 IS NULL OR master = ?2)"
        )
        parameters = (texts(kinds), master)

        def over(connection: Connection) -> list[AlarmKey]:
            keys = (_key(row) for row in connection.execute(query, parameters))
            return [key for key in keys if _same(key) not in wanted]

        def work(connection: Connection) -> int:
            return note(connection, begun, over(connection), stored(now))

        # Mostly nothing is wrong and nothing was: then the writer is left alone.
        if not begun and not await self._database.read(over):
            return 0
        return await self._database.write(work)

    async def end_alarms(self, kinds: Iterable[AlarmKind], before: datetime, now: datetime) -> int:
        """See the protocol."""
        return await self._clear_where(
            "last < ? AND kind IN texts(?)",
            (stored(before), texts(kinds)),
            stored(now),
        )

    async def clear_alarms_of_others(self, masters: Iterable[str], now: datetime) -> int:
        """See the protocol."""
        return await self._clear_where(
            "master != '' AND NOT master IN texts(?)",
            (texts(masters),),
            stored(now),
        )

    async def alarms(
        self, chosen: AlarmFilter | None = None, before: int | None = None, limit: int = 100
    ) -> AlarmPage:
        """See the protocol."""
        where, parameters = _where(chosen or AlarmFilter())
        limit = min(limit, MAX_PAGE)
        count = f"SELECT count(*) FROM alarm WHERE {where}"  # noqa: S608 - our own conditions
        query = (
            f"SELECT * FROM alarm WHERE {where} AND (:before IS NULL OR id < :before)"  # noqa: S608
            " ORDER BY id DESC LIMIT :limit"
        )

        def work(connection: Connection) -> AlarmPage:
            total = connection.execute(count, parameters).fetchone()[0]
            rows = connection.execute(query, {**parameters, "before": before, "limit": limit + 1}).fetchall()
            more = rows[limit - 1]["id"] if len(rows) > limit else None
            return AlarmPage(tuple(alarm_of(row) for row in rows[:limit]), more, total)

        return await self._database.read(work)

    async def alarm(self, id: int) -> Alarm:
        """See the protocol."""

        def work(connection: Connection) -> Alarm:
            row = connection.execute("SELECT * FROM alarm WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise UnknownError(f"there is no alarm {id}")
            return alarm_of(row)

        return await self._database.read(work)

    async def acknowledge_alarms(self, ids: Iterable[int], who: str, now: datetime, note: str = "") -> int:
        """See the protocol."""
        wanted = numbers(ids)
        return await self._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE alarm SET acknowledged = ?, acknowledged_by = ?, note = ?"
                    " WHERE acknowledged IS NULL AND id IN numbers(?)",
                    (stored(now), who, note, wanted),
                ).rowcount
            )
        )

    async def count_alarms(self) -> Mapping[Severity, int]:
        """See the protocol."""
        query = (
            "SELECT severity, count(*) FROM alarm WHERE cleared IS NULL AND acknowledged IS NULL"
            " GROUP BY severity"
        )
        rows = await self._database.read(lambda connection: connection.execute(query).fetchall())
        return {Severity(row[0]): row[1] for row in rows}

    async def forget_alarms(self, before: datetime, messages_before: datetime, limit: int = 500) -> int:
        """See the protocol."""
        moment, messages_moment = stored(before), stored(messages_before)

        def work(connection: Connection) -> int:
            alarms = connection.execute(
                "DELETE FROM alarm WHERE id IN (SELECT id FROM alarm WHERE cleared IS NOT NULL"
                " AND (cleared < ?1 OR id <= (SELECT max(id) FROM alarm) - ?2) LIMIT ?3)",
                (moment, MOST_KEPT, limit),
            )
            news = connection.execute(
                "DELETE FROM alarm_event WHERE id IN (SELECT id FROM alarm_event WHERE at < ?1"
                " AND id <= (SELECT coalesce(min(told), 1152921504606846976) FROM alarm_rule) ORDER BY id LIMIT ?2)",
                (messages_moment, limit),
            )
            messages = connection.execute(
                "DELETE FROM outgoing WHERE id IN (SELECT id FROM outgoing WHERE added < ? AND state != 'waiting' LIMIT ?)",
                (messages_moment, limit),
            )
            return alarms.rowcount + news.rowcount + messages.rowcount

        return await self._database.write(work)

    async def _clear_where(self, condition: str, parameters: tuple[Any, ...], now: int) -> int:
        query = f"SELECT * FROM alarm WHERE cleared IS NULL AND {condition}"  # noqa: S608 - our own

        def over(connection: Connection) -> list[AlarmKey]:
            return [_key(row) for row in connection.execute(query, parameters)]

        if not await self._database.read(over):
            return 0
        return await self._database.write(lambda connection: note(connection, (), over(connection), now))


def note(connection: Connection, raised: Iterable[Raised], cleared: Iterable[AlarmKey], now: int) -> int:
    """Raise and clear alarms within a transaction; say how many began or ended."""
    count = sum([_raise(connection, one, now) for one in raised])
    for key in cleared:
        row = connection.execute(_OPEN, key).fetchone()
        if row is not None:
            connection.execute("UPDATE alarm SET cleared = ? WHERE id = ?", (now, row["id"]))
            _tell(connection, row["id"], True, now)
            count += 1
    return count


def _raise(connection: Connection, raised: Raised, now: int) -> int:
    text = json.dumps([raised.text.template, dict(raised.text.values)], ensure_ascii=False)
    first = now if raised.since is None else min(now, stored(raised.since))
    row = connection.execute(_OPEN, raised.key).fetchone()
    if row is not None:
        # One that got worse is news again for whoever has acknowledged it.
        is_worse = raised.weight > row["severity"]
        connection.execute(
            "UPDATE alarm SET master = ?1, severity = ?2, text = ?3, last = ?4, count = count + ?5,"
            " acknowledged = CASE WHEN ?6 = 1 THEN NULL ELSE acknowledged END WHERE id = ?7",
            (raised.key.master, raised.weight, text, now, raised.is_new, is_worse, row["id"]),
        )
        if is_worse:
            _tell(connection, row["id"], False, now)
        return int(is_worse)
    if raised.key.meter is not None and not _is_meter(connection, raised.key.meter):
        return 0
    number = connection.execute(_INSERT, (*raised.key, raised.weight, text, first, now)).fetchone()["id"]
    _tell(connection, number, False, now)
    return 1


def _is_meter(connection: Connection, number: int) -> bool:
    return connection.execute("SELECT 1 FROM meter WHERE id = ?", (number,)).fetchone() is not None


def _tell(connection: Connection, alarm: int, is_over: bool, now: int) -> None:
    connection.execute("INSERT INTO alarm_event (alarm, is_over, at) VALUES (?, ?, ?)", (alarm, is_over, now))


def _same(key: AlarmKey) -> AlarmKey:
    """Give what tells alarms apart: see `_OPEN`."""
    return key if key.meter is None else key._replace(master="")


def _key(row: Row) -> AlarmKey:
    return AlarmKey(AlarmKind(row["kind"]), row["master"], row["meter"], row["detail"])


def alarm_of(row: Row) -> Alarm:
    """Read a row of `alarm`."""
    template, values = json.loads(row["text"])
    return Alarm(
        row["id"],
        _key(row),
        Severity(row["severity"]),
        Text(template, values),
        moment_of(row["first"]),
        moment_of(row["last"]),
        row["count"],
        moment_of(row["cleared"]),
        moment_of(row["acknowledged"]),
        row["acknowledged_by"],
        row["note"],
    )


def _where(chosen: AlarmFilter) -> tuple[str, dict[str, Any]]:
    conditions = {
        "severity >= :severity": int(chosen.severity),
        "kind IN texts(:kinds)": texts(chosen.kinds),
        "master = :master": chosen.master,
        "meter = :meter": chosen.meter,
        "truth(cleared IS NULL) = :is_open": chosen.is_open,
        "truth(acknowledged IS NOT NULL) = :is_acknowledged": chosen.is_acknowledged,
        _OF_GROUP: chosen.group,
    }
    names = ("severity", "kinds", "master", "meter", "is_open", "is_acknowledged", "group")
    wanted = [
        (condition, name, value)
        for (condition, value), name in zip(conditions.items(), names, strict=True)
        if value is not None and (name != "kinds" or chosen.kinds)
    ]
    return " AND ".join(one[0] for one in wanted), {name: value for _, name, value in wanted}
