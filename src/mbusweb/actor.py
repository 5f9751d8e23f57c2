"""Who does something, for deeds that pages and API share."""

from typing import Protocol


class Actor(Protocol):
    """A visitor of the pages, or a caller of the API."""

    @property
    def user(self) -> str:
        """Name of the user; empty where nobody is known."""

    @property
    def source(self) -> str:
        """Address of the other end."""
