"""Moments as the tables keep them: milliseconds since 1970 UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final, overload

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
AHEAD: Final = 86_400_000
"""Milliseconds; what a master tells of a time that is further ahead than that comes of a clock that is wrong."""


@overload
def stored(moment: datetime) -> int: ...
@overload
def stored(moment: None) -> None: ...
def stored(moment: datetime | None) -> int | None:
    """Write a moment; what is finer than a millisecond is cut off."""
    return None if moment is None else (moment - EPOCH) // MILLISECOND


@overload
def moment_of(number: int) -> datetime: ...
@overload
def moment_of(number: None) -> None: ...
def moment_of(number: int | None) -> datetime | None:
    """Read one, in UTC."""
    return None if number is None else EPOCH + number * MILLISECOND
