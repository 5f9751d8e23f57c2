"""Rollouts and settings for the fleet, in the store."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from mbusheadend.firmware.offering import number_of
from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.rollout.health import Seen
from mbusheadend.rollout.offers import Standing
from mbusheadend.rollout.state import Member, MemberState, Rollout, RolloutState
from mbusheadend.store.errors import ChangedError, UnknownError
from mbusheadend.store.fleet import CommandState
from mbusheadend.store.sql.connection import Connection, Database, Row, texts
from mbusheadend.store.sql.moments import moment_of, stored

_SEEN: Final = """
SELECT master.serial, master.last_contact, master.contact, rollout_member.body FROM rollout_member
JOIN master ON master.serial = rollout_member.serial AND master.removed IS NULL
WHERE rollout_member.rollout = ? AND rollout_member.ring <= ?
"""
_COMMANDS: Final = """
SELECT master.serial, command.id, command.state, command.detail FROM rollout_member
JOIN master ON master.serial = rollout_member.serial
JOIN command ON command.master = master.id AND command.id = rollout_member.command
WHERE rollout_member.rollout = ? AND rollout_member.ring <= ? AND rollout_member.state = 'asked'
"""


class SqlRollouts:
    """See `mbusheadend.store.rollouts.Rollouts`."""

    _database: Database

    async def rollouts(self, limit: int = 200) -> tuple[Rollout, ...]:
        """See the protocol."""
        query = "SELECT body, version FROM rollout ORDER BY added DESC, id LIMIT ?"
        return await self._database.read(
            lambda connection: tuple(_rollout(row) for row in connection.execute(query, (limit,)))
        )

    async def rollout(self, id: str) -> Rollout:
        """See the protocol."""
        return await self._database.read(lambda connection: _found(connection, id))

    async def put_rollout(self, rollout: Rollout, members: Iterable[Member] = ()) -> Rollout:
        """See the protocol."""
        put = rollout.model_copy(update={"version": rollout.version + 1})
        rows = [_member_row(put.id, one) for one in members]

        def work(connection: Connection) -> None:
            body = put.model_dump_json(exclude={"version"})
            if rollout.version:
                done = connection.execute(
                    "UPDATE rollout SET body = ?, state = ?, version = ? WHERE id = ? AND version = ?",
                    (body, put.state, put.version, put.id, rollout.version),
                )
            else:
                done = connection.execute(
                    "INSERT INTO rollout (id, body, state, release, version, added) VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO NOTHING",
                    (put.id, body, put.state, put.plan.release, put.version, stored(put.added)),
                )
            if not done.rowcount:
                raise ChangedError(f"somebody else has changed the rollout {put.id} meanwhile")
            if rows:
                connection.executemany(
                    "INSERT INTO rollout_member (rollout, serial, ring, state, command, body)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (rollout, serial) DO UPDATE SET ring = excluded.ring,"
                    " state = excluded.state, command = excluded.command, body = excluded.body",
                    rows,
                )

        await self._database.write(work)
        return put

    async def delete_rollout(self, id: str) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM rollout_member WHERE rollout = ?", (id,))
            if not connection.execute("DELETE FROM rollout WHERE id = ?", (id,)).rowcount:
                raise _unknown(id)

        await self._database.write(work)

    async def rollout_members(
        self, id: str, up_to_ring: int | None = None, states: Iterable[MemberState] = ()
    ) -> tuple[Member, ...]:
        """See the protocol."""
        query = "SELECT body FROM rollout_member WHERE rollout = ?"
        values = [id]
        wanted = tuple(states)
        if wanted:
            query += " AND state IN texts(?)"
            values.append(texts(wanted))
        last = 1 << 30 if up_to_ring is None else up_to_ring
        query += " AND ring <= ? ORDER BY ring, serial"
        return await self._database.read(
            lambda connection: tuple(
                Member.model_validate_json(row["body"])
                for row in connection.execute(query, (*values, last)).fetchall()
            )
        )

    async def count_members(self, id: str) -> Mapping[tuple[int, MemberState], int]:
        """See the protocol."""
        query = "SELECT ring, state, count(*) AS n FROM rollout_member WHERE rollout = ? GROUP BY ring, state"
        return await self._database.read(
            lambda connection: {
                (int(row["ring"]), MemberState(row["state"])): int(row["n"])
                for row in connection.execute(query, (id,))
            }
        )

    async def seen_of_rollout(self, rollout: Rollout) -> Mapping[str, Seen]:
        """See the protocol."""
        asked = (rollout.id, rollout.ring)

        def work(connection: Connection) -> dict[str, Seen]:
            commands = {row["serial"]: row for row in connection.execute(_COMMANDS, asked).fetchall()}
            rows = connection.execute(_SEEN, asked).fetchall()
            return {row["serial"]: _seen(row, commands.get(row["serial"])) for row in rows}

        return await self._database.read(work)

    async def standings(self, serial: str) -> tuple[Standing, ...]:
        """See the protocol."""
        query = (
            "SELECT rollout.release AS release_number, rollout.state AS rollout_state, rollout_member.state AS member_state"
            " FROM rollout LEFT JOIN rollout_member"
            " ON rollout_member.rollout = rollout.id AND rollout_member.serial = ?"
        )
        return await self._database.read(
            lambda connection: tuple(_standing(row) for row in connection.execute(query, (serial,)))
        )

    async def all_standings(
        self,
    ) -> tuple[Mapping[str, Standing], Mapping[str, Mapping[str, MemberState]]]:
        """See the protocol."""

        def work(
            connection: Connection,
        ) -> tuple[Mapping[str, Standing], Mapping[str, Mapping[str, MemberState]]]:
            rollouts = {
                row["id"]: Standing(int(row["release"]), RolloutState(row["state"]), None)
                for row in connection.execute("SELECT id, release, state FROM rollout").fetchall()
            }
            members: dict[str, dict[str, MemberState]] = {}
            for row in connection.execute("SELECT rollout, serial, state FROM rollout_member").fetchall():
                members.setdefault(row["serial"], {})[row["rollout"]] = MemberState(row["state"])
            return rollouts, members

        return await self._database.read(work)

    async def put_fleet_settings(self, order: SettingsForFleet) -> None:
        """See the protocol."""
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO fleet_settings (id, body, made) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                (order.id, order.model_dump_json(), stored(order.made)),
            )
        )

    async def fleet_settings(self, id: str) -> SettingsForFleet:
        """See the protocol."""

        def work(connection: Connection) -> SettingsForFleet:
            row = connection.execute("SELECT body FROM fleet_settings WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise UnknownError(f"there are no settings {id} for the fleet")
            return SettingsForFleet.model_validate_json(row["body"])

        return await self._database.read(work)

    async def all_fleet_settings(self, limit: int = 100) -> tuple[SettingsForFleet, ...]:
        """See the protocol."""
        query = "SELECT body FROM fleet_settings ORDER BY made DESC, id LIMIT ?"
        return await self._database.read(
            lambda connection: tuple(
                SettingsForFleet.model_validate_json(row["body"])
                for row in connection.execute(query, (limit,))
            )
        )

    async def forget_fleet_settings(self, before: datetime) -> int:
        """See the protocol."""
        return await self._database.write(
            lambda connection: (
                connection.execute("DELETE FROM fleet_settings WHERE made < ?", (stored(before),)).rowcount
            )
        )


def _unknown(id: str) -> UnknownError:
    return UnknownError(f"there is no rollout {id}")


def _found(connection: Connection, id: str) -> Rollout:
    row = connection.execute("SELECT body, version FROM rollout WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise _unknown(id)
    return _rollout(row)


def _rollout(row: Row) -> Rollout:
    return Rollout.model_validate_json(row["body"]).model_copy(update={"version": int(row["version"])})


def _member_row(rollout: str, member: Member) -> tuple[str, str, int, str, str, str]:
    command = member.command_of(rollout)
    return rollout, member.serial, member.ring, member.state, command, member.model_dump_json()


def _seen(row: Row, command: Row | None) -> Seen:
    said = json.loads(row["contact"]) if row["contact"] else {}
    started = said.get("started")
    return Seen(
        moment_of(row["last_contact"]),
        number_of(str(said.get("release") or "")),
        datetime.fromisoformat(started) if isinstance(started, str) else None,
        str(said.get("updates") or ""),
        None if command is None else CommandState(command["state"]),
        "" if command is None else str(command["detail"]),
    )


def _standing(row: Row) -> Standing:
    state = row["member_state"]
    return Standing(
        int(row["release_number"]),
        RolloutState(row["rollout_state"]),
        None if state is None else MemberState(state),
    )
