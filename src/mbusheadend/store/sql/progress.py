"""Up to which reading a job has come."""

from mbusheadend.store.sql.connection import Connection


def progress_of(connection: Connection, job: str) -> int:
    """Give the number of the last reading that a job has looked at, 0 where it never did."""
    row = connection.execute("SELECT number FROM progress WHERE job = ?", (job,)).fetchone()
    return 0 if row is None else int(row["number"])


def put_progress(connection: Connection, job: str, number: int) -> None:
    """Note where a job is."""
    connection.execute(
        "INSERT INTO progress (job, number) VALUES (?, ?) ON CONFLICT (job) DO UPDATE SET number = excluded.number",
        (job, number),
    )
