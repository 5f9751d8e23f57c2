"""The audit log: who did what, when, from where; bounded, the oldest go.

Callers hand in facts, never a password, a key, a token or the id of a session. What strangers can cause, a failed login, has a
bound of its own, so that it cannot drive out the rest.
"""

import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Final

from mbusio.csvtext import CsvWriter
from mbusweb.access.connection import Connection, Keeper
from mbusweb.access.errors import AccessStoreError
from mbusweb.access.rows import as_text

MOST_ENTRIES: Final = 10_000
MOST_FAILED: Final = 2_000
MOST_AT_ONCE: Final = 500
LONGEST_DETAIL: Final = 500
LONGEST_WORD: Final = 64
OK: Final = "ok"
_SPACE: Final = re.compile(r"\s+")
_STEERING: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class AccessKind:
    """The kinds that every product writes; a product derives its own from here, and a page has a text for each."""

    LOGIN: Final = "login"
    LOGIN_FAILED: Final = "login failed"
    LOGOUT: Final = "logout"
    USER_ADDED: Final = "user added"
    USER_DELETED: Final = "user deleted"
    PASSWORD_CHANGED: Final = "password changed"  # noqa: S105 - a kind, no password
    ROLE_CHANGED: Final = "role changed"
    TOKEN_CREATED: Final = "token created"  # noqa: S105
    TOKEN_REVOKED: Final = "token revoked"  # noqa: S105
    RESET: Final = "reset"
    USERS_RESTORED: Final = "users restored"
    SETTINGS_CHANGED: Final = "settings changed"
    BACKUP: Final = "backup"
    RESTORE: Final = "restore"
    DOWNLOAD: Final = "download"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log.

    :ivar at: UTC; the ids, not the times, give the order: a clock can be set.
    """

    id: int
    at: datetime
    kind: str
    who: str
    source: str
    detail: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """What is about to be written, made harmless: no control characters, bounded."""

    at: str
    kind: str
    who: str
    source: str
    detail: str
    outcome: str


def audit_row(
    at: datetime, kind: str, *, who: str = "", source: str = "", detail: str = "", outcome: str = OK
) -> AuditRow:
    """Make a row of any texts."""
    return AuditRow(
        as_text(at),
        _harmless(kind, LONGEST_WORD),
        _harmless(who, LONGEST_WORD),
        _harmless(source, LONGEST_WORD),
        _harmless(detail, LONGEST_DETAIL),
        _harmless(outcome, LONGEST_WORD),
    )


def write_row(connection: Connection, row: AuditRow) -> None:
    """Write a row as part of a transaction; the oldest beyond the bounds go."""
    connection.execute(
        "INSERT INTO audit (at, kind, who, source, detail, outcome) VALUES (?, ?, ?, ?, ?, ?)", astuple(row)
    )
    connection.execute(
        "DELETE FROM audit WHERE id <= (SELECT id FROM audit ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (MOST_ENTRIES,),
    )
    if row.kind == AccessKind.LOGIN_FAILED:
        connection.execute(
            "DELETE FROM audit WHERE kind = ?1"
            " AND id <= (SELECT id FROM audit WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (row.kind, MOST_FAILED),
        )


class AuditLog:
    """Writes and reads the log.

    :param clock: gives the time, aware.
    """

    def __init__(self, database: Keeper, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def record(self, kind: str, *, who: str, source: str, detail: str = "", outcome: str = OK) -> None:
        """Write an entry; returns at once and never raises: what cannot be written is said in the system's log.

        :param kind: one of the kinds of the product.
        :param who: the user, the client's name, or what else acts; empty where that is not known.
        :param source: an address, or where it came from.
        """
        row = audit_row(self._clock(), kind, who=who, source=source, detail=detail, outcome=outcome)
        lost = f"audit entry {row.kind!r} of {row.who!r} from {row.source!r}"
        self._database.post(lambda connection: write_row(connection, row), lost)

    def entries(
        self, before: int | None = None, limit: int = 50, kind: str | None = None, who: str | None = None
    ) -> tuple[AuditEntry, ...]:
        """Give entries, newest first; none where the file cannot be used.

        :param before: id of the last entry of the page before.
        :param limit: at most 500.
        """
        self._database.settle()
        try:
            return self._database.read(lambda reader: _select(reader, before, limit, kind, who))
        except AccessStoreError:
            return ()

    def csv(self, kind: str | None = None, who: str | None = None) -> Iterator[str]:
        """Give the log as CSV (RFC 4180) in pieces, newest first; no cell is a formula for a spreadsheet."""
        text = io.StringIO(newline="")
        table = CsvWriter(("time", "kind", "who", "source", "outcome", "detail"), text)
        before: int | None = None
        while True:
            page = self.entries(before, MOST_AT_ONCE, kind, who)
            for entry in page:
                table.row(
                    {
                        "time": as_text(entry.at),
                        "kind": entry.kind,
                        "who": entry.who,
                        "source": entry.source,
                        "outcome": entry.outcome,
                        "detail": entry.detail,
                    }
                )
            yield text.getvalue()
            text.seek(0)
            text.truncate()
            if len(page) < MOST_AT_ONCE:
                return
            before = page[-1].id


def _select(
    reader: Connection, before: int | None, limit: int, kind: str | None, who: str | None
) -> tuple[AuditEntry, ...]:
    where, values = ["1 = 1"], list[object]()
    for condition, value in (("id < ?", before), ("kind = ?", kind), ("who = ?", who)):
        if value is not None:
            where.append(condition)
            values.append(value)
    rows = reader.execute(
        f"SELECT id, at, kind, who, source, detail, outcome FROM audit WHERE {' AND '.join(where)}"  # noqa: S608 - constants
        " ORDER BY id DESC LIMIT ?",
        (*values, max(0, min(limit, MOST_AT_ONCE))),
    )
    return tuple(AuditEntry(row[0], datetime.fromisoformat(row[1]), *row[2:]) for row in rows)


def _harmless(text: str, longest: int) -> str:
    """Give a text as one line without anything that steers a terminal or turns writing round, cut to a length."""
    line = _SPACE.sub(" ", text[: 4 * longest])
    plain = "".join("·" if unicodedata.category(one) in _STEERING else one for one in line).strip()
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
