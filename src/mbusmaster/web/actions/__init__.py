"""What pages and the API do in the same way: the deed and its entry in the audit log; what is shown of it is theirs."""

from typing import Protocol


class Actor(Protocol):
    """Who does something: a visitor of the pages, or a caller of the API."""

    @property
    def user(self) -> str:
        """Name of the user; empty where nobody is known."""

    @property
    def source(self) -> str:
        """Address of the other end."""
