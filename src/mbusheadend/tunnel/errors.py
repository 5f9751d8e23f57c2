"""Why there is no tunnel to a master."""

from enum import StrEnum


class Why(StrEnum):
    """For programs and texts."""

    UNKNOWN_MASTER = "unknown master"
    UNKNOWN_BUS = "unknown bus"
    LOCAL = "read locally"
    TOO_OLD = "too old"
    NOT_ALLOWED = "not allowed"
    HOSTING_OFF = "hosting off"
    NOT_CONNECTED = "not connected"
    REFUSED = "refused"
    SILENT = "silent"
    TOO_MANY = "too many"
    OFF = "off"


class TunnelError(Exception):
    """There is no tunnel; the text says why and what to do, in English.

    :ivar why: for programs.
    """

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why
