"""What processes share by the store."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime

from mbusheadend.store.errors import UnknownError
from mbusheadend.store.shared import FilePart
from mbusheadend.store.sql.connection import Connection, Database
from mbusheadend.store.sql.moments import stored


class SqlShared:
    """See `mbusheadend.store.shared.Shared`."""

    _database: Database

    async def keep_parcel(self, key: str, owner: str, body: bytes, now: datetime, until: datetime) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM parcel WHERE owner = ? OR until <= ?", (owner, stored(now)))
            connection.execute(
                "INSERT INTO parcel (key, owner, until, body) VALUES (?, ?, ?, ?)",
                (key, owner, stored(until), body),
            )

        await self._database.write(work)

    async def take_parcel(self, key: str, owner: str, now: datetime) -> bytes | None:
        """See the protocol."""

        def work(connection: Connection) -> bytes | None:
            row = connection.execute(
                "DELETE FROM parcel WHERE key = ? AND owner = ? RETURNING until, body", (key, owner)
            ).fetchone()
            return None if row is None or row["until"] <= stored(now) else bytes(row["body"])

        return await self._database.write(work)

    async def put_release(
        self, number: int, facts: str, parts: Callable[[], Iterable[FilePart]] | None
    ) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO kept_release (number, facts) VALUES (?, ?)"
                " ON CONFLICT (number) DO UPDATE SET facts = excluded.facts",
                (number, facts),
            )
            if parts is None:
                return
            connection.execute("DELETE FROM release_part WHERE release = ?", (number,))
            for part in parts():
                connection.execute(
                    "INSERT INTO release_part (release, path, part, body) VALUES (?, ?, ?, ?)",
                    (number, part.path, part.number, part.body),
                )

        await self._database.write(work)

    async def delete_release(self, number: int) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            connection.execute("DELETE FROM release_part WHERE release = ?", (number,))
            connection.execute("DELETE FROM kept_release WHERE number = ?", (number,))

        await self._database.write(work)

    async def kept_releases(self) -> Mapping[int, str]:
        """See the protocol."""
        return await self._database.read(
            lambda connection: {
                row["number"]: row["facts"]
                for row in connection.execute("SELECT number, facts FROM kept_release")
            }
        )

    async def release_parts(self, number: int) -> tuple[tuple[str, int], ...]:
        """See the protocol."""
        return await self._database.read(
            lambda connection: tuple(
                (row["path"], row["part"])
                for row in connection.execute(
                    "SELECT path, part FROM release_part WHERE release = ? ORDER BY path, part", (number,)
                )
            )
        )

    async def release_part(self, number: int, path: str, part: int) -> bytes:
        """See the protocol."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT body FROM release_part WHERE release = ? AND path = ? AND part = ?",
                (number, path, part),
            ).fetchone()
        )
        if row is None:
            raise UnknownError(f"release {number:04d} is not there any more")
        return bytes(row["body"])

    async def count_delivered(self, day: date, readings: int, most: int) -> bool:
        """See the protocol."""
        number = day.toordinal()

        def work(connection: Connection) -> bool:
            connection.execute("DELETE FROM delivered WHERE day < ?", (number - 1,))
            connection.execute(
                "INSERT INTO delivered (day, readings) VALUES (?, 0) ON CONFLICT DO NOTHING", (number,)
            )
            counted = connection.execute(
                "UPDATE delivered SET readings = readings + ?1 WHERE day = ?2 AND readings + ?1 <= ?3",
                (readings, number, most),
            )
            return counted.rowcount > 0

        return await self._database.write(work)

    async def delivered(self, day: date) -> int:
        """See the protocol."""
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT readings FROM delivered WHERE day = ?", (day.toordinal(),)
            ).fetchone()
        )
        return 0 if row is None else int(row["readings"])
