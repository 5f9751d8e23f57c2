"""What processes of a head-end share by the store: files that wait for a word of who sent them, releases, counts of the day."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FilePart:
    """A piece of a file of a release.

    :ivar path: of the file in the folder of its release; `number` of the piece, from 0.
    """

    path: str
    number: int
    body: bytes


class Shared(Protocol):
    """All of it."""

    async def keep_parcel(self, key: str, owner: str, body: bytes, now: datetime, until: datetime) -> None:
        """Keep something for a while; what its owner kept before is forgotten, and all whose time is over."""

    async def take_parcel(self, key: str, owner: str, now: datetime) -> bytes | None:
        """Give what was kept and forget it; None where it is somebody else's, or its time is over."""

    async def put_release(
        self, number: int, facts: str, parts: Callable[[], Iterable[FilePart]] | None
    ) -> None:
        """Keep a release, or with None for its files only what is known of it.

        :param parts: gives the pieces, in a thread, each time anew.
        """

    async def delete_release(self, number: int) -> None:
        """Forget a release, whether it is there or not."""

    async def kept_releases(self) -> Mapping[int, str]:
        """Give what is known of each release by its number."""

    async def release_parts(self, number: int) -> tuple[tuple[str, int], ...]:
        """Give the paths of files and the numbers of their pieces, in order."""

    async def release_part(self, number: int, path: str, part: int) -> bytes:
        """Give a piece of a file; raise `UnknownError`."""

    async def count_delivered(self, day: date, readings: int, most: int) -> bool:
        """Count readings of a day unless they would be more than so many; tell whether they were counted."""

    async def delivered(self, day: date) -> int:
        """Give how many readings of a day were counted."""
