"""What the head-end asks for once: kept until it is done, and its result until the head-end has that."""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import ValidationError

from mbushosting.contact import Command, CommandResult
from mbushosting.fleet_settings import MAX_ANSWER
from mbusmaster.hosting.database import Database, moment_at, seconds_of
from mbusmaster.hosting.rows import last_row

KEPT_TOLD: Final = 256
"""Results that the head-end has: it may ask for the same again in an answer that was on its way."""
MOST_PENDING: Final = 512
"""Commands that wait; more are left with the head-end, which repeats them."""
MOST_RESULTS: Final = 256
LONGEST_DETAIL: Final = MAX_ANSWER

Outcome = Literal["done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Pending:
    """A command that is to be done.

    :ivar came: when; to the second.
    :ivar first: row of the outbox behind which its readings are.
    """

    command: Command
    came: datetime
    first: int


class Commands:
    """The commands in the file of hosted reading; `open` reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[str, Pending] = {}
        self._results: dict[str, CommandResult] = {}

    async def open(self) -> None:
        """Begin; raise `HostingFileError`."""
        self._pending, self._results = await self._database.change(_load)

    @property
    def pending(self) -> tuple[Pending, ...]:
        """What is to be done, in the order in which it came."""
        return tuple(self._pending.values())

    @property
    def results(self) -> tuple[CommandResult, ...]:
        """What the head-end does not know yet, as much as fits into a contact."""
        return tuple(self._results.values())[:MOST_RESULTS]

    async def take(self, commands: Iterable[Command], now: datetime) -> bool:
        """Keep commands; tell whether any is new. One that was done already is reported once more. Raise `HostingFileError`."""
        came = moment_at(1000 * seconds_of(now))
        unknown = [one for one in commands if one.id not in self._pending and one.id not in self._results]

        def store(connection: sqlite3.Connection) -> tuple[list[Pending], list[CommandResult]]:
            first = last_row(connection)
            new: list[Pending] = []
            known: list[CommandResult] = []
            for command in unknown:
                row = connection.execute("SELECT * FROM command WHERE id = ?", (command.id,)).fetchone()
                if row is not None:
                    connection.execute("UPDATE command SET told = 0 WHERE id = ?", (command.id,))
                    known.append(_result_of(row))
                elif len(self._pending) + len(new) < MOST_PENDING:
                    connection.execute(
                        "INSERT INTO command (id, body, came, first) VALUES (?, ?, ?, ?)",
                        (command.id, command.model_dump_json(), seconds_of(came), first),
                    )
                    new.append(Pending(command, came, first))
            return new, known

        if not unknown:
            return False
        new, known = await self._database.change(store)
        self._pending.update((one.command.id, one) for one in new)
        self._results.update((one.id, one) for one in known)
        return bool(new)

    async def finish(self, command: str, outcome: Outcome, detail: str) -> None:
        """Keep the result of a command; raise `HostingFileError`."""
        detail = detail[:LONGEST_DETAIL]
        await self._database.change(
            lambda connection: connection.execute(
                "UPDATE command SET outcome = ?, detail = ? WHERE id = ?", (outcome, detail, command)
            )
        )
        self._pending.pop(command, None)
        self._results[command] = CommandResult(id=command, outcome=outcome, detail=detail)

    async def told(self, results: Collection[CommandResult]) -> None:
        """The head-end has these; raise `HostingFileError`."""
        if not results:
            return

        def store(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE command SET told = 1 WHERE id = ?", [(result.id,) for result in results]
            )
            connection.execute(
                "DELETE FROM command WHERE told = 1 AND rowid NOT IN"
                " (SELECT rowid FROM command WHERE told = 1 ORDER BY rowid DESC LIMIT ?)",
                (KEPT_TOLD,),
            )

        await self._database.change(store)
        for result in results:
            self._results.pop(result.id, None)


def _load(connection: sqlite3.Connection) -> tuple[dict[str, Pending], dict[str, CommandResult]]:
    pending, results = {}, {}
    for row in connection.execute("SELECT * FROM command WHERE told = 0 ORDER BY rowid").fetchall():
        if row["outcome"] is not None:
            results[row["id"]] = _result_of(row)
            continue
        try:
            command = Command.model_validate_json(row["body"])
        except ValidationError:
            # Written by another version of this program: the head-end repeats it.
            connection.execute("DELETE FROM command WHERE id = ?", (row["id"],))
            continue
        pending[command.id] = Pending(command, moment_at(1000 * row["came"]), row["first"])
    return pending, results


def _result_of(row: sqlite3.Row) -> CommandResult:
    return CommandResult(id=row["id"], outcome=row["outcome"], detail=row["detail"])
