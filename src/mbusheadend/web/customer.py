"""The customer that a browser says it is of, where a head-end has several; whether there is such a one stands nowhere."""

from contextvars import ContextVar
from typing import Final

CUSTOMER: Final[ContextVar[str | None]] = ContextVar("customer of a browser", default=None)
"""For the request under way; None where nobody need say it."""
