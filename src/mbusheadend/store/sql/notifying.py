"""Rules, secrets and messages on their way, in the file."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from mbusheadend.alarms.alarm import AlarmNews
from mbusheadend.alarms.outgoing import Outgoing, OutgoingState
from mbusheadend.alarms.rules import MailServer, Rule
from mbusheadend.decoding.keys import Vault
from mbusheadend.store.errors import UnknownError
from mbusheadend.store.sql.alarms import alarm_of
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.moments import moment_of, stored
from mbusheadend.store.sql.rows import groups_of
from mbusheadend.store.sql.sealed import sealed, unsealed

M = TypeVar("M", bound=BaseModel)
_log = logging.getLogger(__name__)
_MAIL: Final = "mail server"
_NEWS: Final = """
SELECT alarm.*, alarm_event.id AS number, is_over, at, master.name AS master_name, identity, meter.name AS meter_name,
    (SELECT joined(name, '\x1f') FROM (SELECT name FROM master_group WHERE master = master.id
        UNION SELECT name FROM meter_group WHERE meter = alarm.meter) AS named) AS groups
FROM alarm_event JOIN alarm ON alarm.id = alarm_event.alarm LEFT JOIN master ON serial = alarm.master
    LEFT JOIN meter ON meter.id = alarm.meter
WHERE alarm_event.id > ? ORDER BY alarm_event.id LIMIT ?
"""


class SqlNotifying:
    """See `mbusheadend.store.watching.Notifying`."""

    _database: Database
    _vault: Vault | None

    async def alarm_rules(self) -> tuple[Rule, ...]:
        """See the protocol."""
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT body FROM alarm_rule ORDER BY id").fetchall()
        )
        rules = (_read(Rule, row["body"]) for row in rows)
        return tuple(rule for rule in rules if rule is not None)

    async def put_alarm_rule(self, rule: Rule, secret: str | None) -> None:
        """See the protocol."""
        closed = self._close(secret, purpose_of_rule(rule.id))
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO alarm_rule (id, body, secret, told)"
                    " VALUES (?1, ?2, ?3, (SELECT coalesce(max(id), 0) FROM alarm_event))"
                    " ON CONFLICT (id) DO UPDATE SET body = excluded.body, secret = coalesce(excluded.secret, alarm_rule.secret)",
                    (rule.id, rule.model_dump_json(), closed),
                ).rowcount
            )
        )

    async def delete_alarm_rule(self, id: str) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            if not connection.execute("DELETE FROM alarm_rule WHERE id = ?", (id,)).rowcount:
                raise UnknownError(f"there is no rule {id}")
            connection.execute("DELETE FROM outgoing WHERE rule = ? AND state = 'waiting'", (id,))

        await self._database.write(work)

    async def rule_secret(self, id: str) -> str | None:
        """See the protocol."""
        return await self._opened("SELECT secret FROM alarm_rule WHERE id = ?", id, purpose_of_rule(id))

    async def mail_server(self) -> MailServer | None:
        """See the protocol."""
        row = await self._database.read(
            lambda connection: connection.execute("SELECT body FROM note WHERE name = ?", (_MAIL,)).fetchone()
        )
        return None if row is None else _read(MailServer, row["body"])

    async def put_mail_server(self, server: MailServer | None, password: str | None) -> None:
        """See the protocol."""
        closed = self._close(password, _MAIL)

        def work(connection: Connection) -> None:
            if server is None:
                connection.execute("DELETE FROM note WHERE name = ?", (_MAIL,))
                return
            connection.execute(
                "INSERT INTO note (name, body, secret) VALUES (?1, ?2, ?3)"
                " ON CONFLICT (name) DO UPDATE SET body = excluded.body, secret = coalesce(excluded.secret, note.secret)",
                (_MAIL, server.model_dump_json(), closed),
            )

        await self._database.write(work)

    async def mail_password(self) -> str | None:
        """See the protocol."""
        return await self._opened("SELECT secret FROM note WHERE name = ?", _MAIL, _MAIL)

    async def rules_told(self) -> Mapping[str, int]:
        """See the protocol."""
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT id, told FROM alarm_rule").fetchall()
        )
        return {row["id"]: row["told"] for row in rows}

    async def alarm_news(self, after: int, limit: int = 1000) -> tuple[AlarmNews, ...]:
        """See the protocol."""
        return await self._database.read(
            lambda connection: tuple(_news(row) for row in connection.execute(_NEWS, (after, limit)))
        )

    async def put_outgoing(self, rule: str, told: int, message: Outgoing | None) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            known = connection.execute("UPDATE alarm_rule SET told = ? WHERE id = ?", (told, rule)).rowcount
            if message is not None and known:
                connection.execute(
                    "INSERT INTO outgoing (id, rule, body, state, added, attempts, due, changed, error)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        message.id, message.rule, message.body, message.state, stored(message.added),
                        message.attempts, stored(message.due), stored(message.changed), message.error,
                    ),
                )  # fmt: skip

        await self._database.write(work)

    async def outgoing_due(self, now: datetime, limit: int = 100) -> tuple[Outgoing, ...]:
        """See the protocol."""
        query = "SELECT * FROM outgoing WHERE state = 'waiting' AND due <= ? ORDER BY due, id LIMIT ?"
        return await self._database.read(
            lambda connection: tuple(
                _outgoing(row) for row in connection.execute(query, (stored(now), limit))
            )
        )

    async def outgoing(self, limit: int = 100) -> tuple[Outgoing, ...]:
        """See the protocol."""
        query = "SELECT * FROM outgoing ORDER BY added DESC, id LIMIT ?"
        return await self._database.read(
            lambda connection: tuple(_outgoing(row) for row in connection.execute(query, (limit,)))
        )

    async def note_delivery(
        self, id: str, state: OutgoingState, due: datetime, error: str, now: datetime
    ) -> None:
        """See the protocol."""
        row = (state, stored(due), error, stored(now), id)
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE outgoing SET state = ?, due = ?, error = ?, changed = ?, attempts = attempts + 1 WHERE id = ?",
                    row,
                ).rowcount
            )
        )

    def _close(self, secret: str | None, purpose: str) -> bytes | None:
        return None if secret is None else sealed(self._vault, secret.encode(), purpose)

    async def _opened(self, query: str, name: str, purpose: str) -> str | None:
        row = await self._database.read(lambda connection: connection.execute(query, (name,)).fetchone())
        if row is None or row["secret"] is None:
            return None
        return unsealed(self._vault, row["secret"], purpose).decode()


def _read(kind: type[M], body: str) -> M | None:
    """Read what is stored; None where a newer version has written what this one does not know."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        _log.error(
            "a %s in the store cannot be read: %s", kind.__name__, error.errors(include_input=False)[0]["msg"]
        )
        return None


def _news(row: Row) -> AlarmNews:
    return AlarmNews(
        row["number"],
        moment_of(row["at"]),
        bool(row["is_over"]),
        alarm_of(row),
        groups_of(row["groups"]),
        row["master_name"] or "",
        row["identity"] or "",
        row["meter_name"] or "",
    )


def _outgoing(row: Row) -> Outgoing:
    return Outgoing(
        row["id"],
        row["rule"],
        row["body"],
        OutgoingState(row["state"]),
        moment_of(row["added"]),
        row["attempts"],
        moment_of(row["due"]),
        moment_of(row["changed"]),
        row["error"],
    )


def purpose_of_rule(id: str) -> str:
    """Say what the secret of a rule is sealed for."""
    return f"rule {id}"
