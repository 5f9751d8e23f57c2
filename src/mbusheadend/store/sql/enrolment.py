"""Tokens and certificates in the file."""

from datetime import datetime

from mbusheadend.store.enrolling import StoredCertificate, StoredToken
from mbusheadend.store.errors import UnknownError
from mbusheadend.store.sql.connection import Connection, Database, Row
from mbusheadend.store.sql.moments import moment_of, stored


class SqlEnrolment:
    """See `mbusheadend.store.protocol.Enrolment`."""

    _database: Database

    async def add_token(self, hash: bytes, expires: datetime, note: str, now: datetime) -> None:
        """See the protocol."""
        row = (hash, stored(now), stored(expires), note)

        def work(connection: Connection) -> None:
            connection.execute("INSERT INTO token (hash, added, expires, note) VALUES (?, ?, ?, ?)", row)

        await self._database.write(work)

    async def use_token(self, hash: bytes, serial: str, now: datetime) -> bool:
        """See the protocol."""
        moment = stored(now)

        def work(connection: Connection) -> bool:
            used = connection.execute(
                "UPDATE token SET used = ?, used_by = ? WHERE hash = ? AND used IS NULL AND expires > ?"
                " AND NOT EXISTS (SELECT 1 FROM local_master JOIN master ON id = master WHERE serial = ?)",
                (moment, serial, hash, moment, serial),
            )
            if used.rowcount == 1:
                connection.execute(
                    "INSERT INTO master (serial, enrolled) VALUES (?, ?)"
                    " ON CONFLICT (serial) DO UPDATE SET enrolled = excluded.enrolled, removed = NULL",
                    (serial, moment),
                )
            return used.rowcount == 1

        return await self._database.write(work)

    async def tokens(self) -> tuple[StoredToken, ...]:
        """See the protocol."""
        return await self._database.read(
            lambda connection: tuple(
                _token(row) for row in connection.execute("SELECT * FROM token ORDER BY added DESC, hash")
            )
        )

    async def delete_token(self, hash: bytes) -> None:
        """See the protocol."""
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM token WHERE hash = ?", (hash,)).rowcount
        )

    async def add_certificate(self, serial: str, number: int, not_after: datetime, now: datetime) -> None:
        """See the protocol."""
        row = (_number(number), serial, stored(now), stored(not_after))

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO certificate (number, serial, issued, not_after) VALUES (?, ?, ?, ?)", row
            )

        await self._database.write(work)

    async def revoke_certificate(self, number: int, now: datetime) -> None:
        """See the protocol."""

        def work(connection: Connection) -> None:
            known = connection.execute(
                "UPDATE certificate SET revoked = coalesce(revoked, ?) WHERE number = ?",
                (stored(now), _number(number)),
            )
            if not known.rowcount:
                raise UnknownError(f"no certificate with the number {number:x} was issued here")

        await self._database.write(work)

    async def revoke_master(self, serial: str, now: datetime) -> int:
        """See the protocol."""
        return await self._database.write(lambda connection: revoke_all(connection, serial, now))

    async def is_trusted(self, number: int) -> bool:
        """See the protocol."""

        def work(connection: Connection) -> bool:
            row = connection.execute(
                "SELECT 1 FROM certificate WHERE number = ? AND revoked IS NULL", (_number(number),)
            ).fetchone()
            return row is not None

        return await self._database.read(work)

    async def take_back(self, serial: str, number: int, not_after: datetime) -> bool:
        """See the protocol."""

        def may(connection: Connection) -> int | None:
            return _restored_at(connection, serial, number)

        def work(connection: Connection) -> bool:
            at = may(connection)
            if at is not None:
                connection.execute(
                    "INSERT INTO certificate (number, serial, issued, not_after) VALUES (?, ?, ?, ?)",
                    (_number(number), serial, at, stored(not_after)),
                )
            return at is not None

        # Whoever shows what is not trusted again and again makes nobody wait who writes.
        return await self._database.read(may) is not None and await self._database.write(work)

    async def certificates(self, serial: str) -> tuple[StoredCertificate, ...]:
        """See the protocol."""

        def work(connection: Connection) -> tuple[StoredCertificate, ...]:
            rows = connection.execute(
                "SELECT * FROM certificate WHERE serial = ? ORDER BY not_after DESC, number", (serial,)
            )
            return tuple(certificate_of(row) for row in rows)

        return await self._database.read(work)


def revoke_all(connection: Connection, serial: str, now: datetime) -> int:
    """Revoke every certificate of a master that is not revoked yet; say how many."""
    return connection.execute(
        "UPDATE certificate SET revoked = ? WHERE serial = ? AND revoked IS NULL", (stored(now), serial)
    ).rowcount


def _restored_at(connection: Connection, serial: str, number: int) -> int | None:
    """Give when the backup was brought back that lacks a certificate; None where that is not why it is not known."""
    first, last = connection.execute("SELECT min(at), max(at) FROM restored").fetchone()
    row = connection.execute(
        "SELECT sum(truth(revoked IS NULL)) AS good, sum(truth(revoked >= ?)) AS revoked FROM certificate"
        " WHERE serial = ? AND EXISTS (SELECT 1 FROM master WHERE serial = ? AND removed IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM certificate WHERE number = ?)",
        (first, serial, serial, _number(number)),
    ).fetchone()
    return last if last is not None and row["good"] and not row["revoked"] else None


def _number(number: int) -> str:
    """Write a serial number of up to 20 bytes, which is too large for an integer of SQLite."""
    return f"{number:x}"


def _token(row: Row) -> StoredToken:
    return StoredToken(
        row["hash"],
        moment_of(row["added"]),
        moment_of(row["expires"]),
        row["note"],
        moment_of(row["used"]),
        row["used_by"],
    )


def certificate_of(row: Row) -> StoredCertificate:
    """Read a row of `certificate`."""
    return StoredCertificate(
        row["serial"],
        int(row["number"], 16),
        moment_of(row["issued"]),
        moment_of(row["not_after"]),
        moment_of(row["revoked"]),
    )
