"""Groups of masters and of meters in the file."""

import json
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from mbusheadend.store.browsing import GroupKind
from mbusheadend.store.changes import Changes
from mbusheadend.store.errors import StoreRefusedError, UnknownError
from mbusheadend.store.sql.connection import Connection, Database
from mbusheadend.store.sql.rows import checked_groups


class _Table(NamedTuple):
    """Where a kind of group stands.

    :ivar members: gives the numbers of members by what they are called.
    :ivar assigned: the key in the assignment of schedules.
    """

    name: str
    column: str
    members: str
    assigned: str


_TABLES: Final = {
    GroupKind.MASTERS: _Table(
        "master_group",
        "master",
        "SELECT id FROM master WHERE removed IS NULL AND serial IN texts(?)",
        "groups",
    ),
    GroupKind.METERS: _Table(
        "meter_group",
        "meter",
        "SELECT id FROM meter WHERE id IN numbers(?)",
        "meter_groups",
    ),
}


class SqlGroups:
    """See `mbusheadend.store.browsing.Browsing`."""

    _database: Database
    _changes: Changes

    async def groups(self, kind: GroupKind) -> Mapping[str, int]:
        """See the protocol."""
        query = f"SELECT name, count(*) FROM {_TABLES[kind].name} GROUP BY name ORDER BY name"  # noqa: S608
        return dict(
            await self._database.read(
                lambda connection: [(row[0], row[1]) for row in connection.execute(query)]
            )
        )

    async def join_group(self, kind: GroupKind, name: str, members: Iterable[str | int]) -> int:
        """See the protocol."""
        table = _TABLES[kind]
        _check(name)
        query = (
            f"INSERT INTO {table.name} ({table.column}, name) SELECT id, ? FROM ({table.members}) AS wanted"  # noqa: S608
            " WHERE TRUE ON CONFLICT DO NOTHING"
        )
        return await self._change(table, query, name, members)

    async def leave_group(self, kind: GroupKind, name: str, members: Iterable[str | int]) -> int:
        """See the protocol."""
        table = _TABLES[kind]
        query = f"DELETE FROM {table.name} WHERE name = ? AND {table.column} IN ({table.members})"  # noqa: S608
        return await self._change(table, query, name, members)

    async def rename_group(self, kind: GroupKind, old: str, new: str) -> int:
        """See the protocol."""
        table = _TABLES[kind]
        _check(new)
        inside = f"SELECT {table.column} FROM {table.name} WHERE name = ?"  # noqa: S608

        def work(connection: Connection) -> tuple[int, tuple[str, ...]]:
            count = f"SELECT count(*) FROM {table.name} WHERE name = ?"  # noqa: S608
            there: int = connection.execute(count, (old,)).fetchone()[0]
            if not there:
                raise UnknownError(f"there is no group {old}")
            touched = _touched(connection, table, inside, old)
            if new == old:
                return there, ()
            connection.execute(
                f"INSERT INTO {table.name} ({table.column}, name) SELECT {table.column}, ? FROM {table.name}"  # noqa: S608
                " WHERE name = ? ON CONFLICT DO NOTHING",
                (new, old),
            )
            connection.execute(f"DELETE FROM {table.name} WHERE name = ?", (old,))  # noqa: S608
            _rename_in_schedules(connection, table.assigned, old, new)
            return there, touched

        count, serials = await self._database.write(work)
        self._changes.tell(serials)
        return count

    async def _change(self, table: _Table, query: str, name: str, members: Iterable[str | int]) -> int:
        wanted = json.dumps(list(members))

        def work(connection: Connection) -> tuple[int, tuple[str, ...]]:
            count = connection.execute(query, (name, wanted)).rowcount
            return count, _touched(connection, table, table.members, wanted)

        count, serials = await self._database.write(work)
        # Who waits looks again what it ought to have; mostly that is what it has.
        self._changes.tell(serials)
        return count


def _touched(connection: Connection, table: _Table, members: str, value: str) -> tuple[str, ...]:
    """Give the masters that are among members, or where meters of them are."""
    if table.column == "master":
        query = f"SELECT serial FROM master WHERE id IN ({members})"  # noqa: S608
    else:
        query = (
            "SELECT DISTINCT serial FROM stay JOIN master ON master.id = stay.master"  # noqa: S608
            f" WHERE until IS NULL AND meter IN ({members})"
        )
    return tuple(row[0] for row in connection.execute(query, (value,)))


def _rename_in_schedules(connection: Connection, key: str, old: str, new: str) -> None:
    for row in connection.execute("SELECT id, assignment FROM schedule").fetchall():
        assignment = json.loads(row["assignment"])
        if old in assignment[key]:
            assignment[key] = sorted({*assignment[key], new} - {old})
            connection.execute(
                "UPDATE schedule SET assignment = ? WHERE id = ?", (json.dumps(assignment), row["id"])
            )


def _check(name: str) -> None:
    try:
        checked_groups(frozenset((name,)))
    except ValueError as error:
        raise StoreRefusedError(str(error)) from None
