"""What the shared pages and the shared part of the API work with."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from mbusweb.access import Access, AuditLog


class BaseServices(Protocol):
    """The least that the services of a product have."""

    @property
    def access(self) -> Access:
        """Users and logins."""

    @property
    def audit(self) -> AuditLog:
        """Who did what."""

    @property
    def now(self) -> Callable[[], datetime]:
        """Gives the time, in UTC."""

    @property
    def label(self) -> str:
        """What names of downloads have of this machine."""
