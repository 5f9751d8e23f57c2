"""What the jobs of `Access` need of where users are kept: a file (`mbusweb.access.database`), or another database.

Statements are in the SQL that SQLite and PostgreSQL both understand; placeholders are ``?`` or ``?1``.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from mbusweb.access.errors import AccessStoreError

T = TypeVar("T")


class Result(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Give how many rows were changed."""

    def fetchone(self) -> Any:
        """Give the next row, None where there is none."""

    def fetchall(self) -> list[Any]:
        """Give the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Give the rows that are left."""


class Connection(Protocol):
    """A connection within a transaction."""

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Result:
        """Do one statement."""


class Keeper(Protocol):
    """Keeps users, tokens and the audit log.

    :ivar trouble: why it cannot be used; None when it can.
    """

    trouble: AccessStoreError | None

    def open(self, *, make: bool = False) -> None:
        """Open it, or say in `trouble` why that cannot be; never raises.

        :param make: where there is none; otherwise that is trouble.
        """

    def close(self) -> None:
        """Write what is pending and close it."""

    def was_made(self) -> bool:
        """Tell whether it was ever made, also where it cannot be used."""

    def has_changed(self) -> bool:
        """Tell whether anything was written since the last call, by this process or another. Cheap."""

    def read(self, job: Callable[[Connection], T]) -> T:
        """Give what a job reads, all of one state. Raise `AccessStoreError`."""

    def write(self, job: Callable[[Connection], T]) -> "Future[T]":
        """Do a job in one transaction; done when it is kept for good. Fails with `AccessStoreError`."""

    def post(self, job: Callable[[Connection], object], lost: str) -> None:
        """Have a job done that nobody waits for; where that fails, the log says what was lost, and in the end how much."""

    def settle(self) -> None:
        """Wait until all that was handed in until now is kept, but not for ever."""

    def replace(self) -> "Future[None]":
        """Set aside what cannot be used, and begin empty. Fails with `AccessStoreError`."""
