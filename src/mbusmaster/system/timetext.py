"""Time as the status page writes it (guide 3.1)."""

from datetime import UTC, datetime


def utc_text(moment: datetime) -> str:
    """Write a moment as ``YYYY MM/DD hh:mm:ss`` in UTC; raise `ValueError` for one without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone, so nobody knows when it was")
    return f"{moment.astimezone(UTC):%Y %m/%d %H:%M:%S}"
