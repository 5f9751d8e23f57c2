"""The kinds of entries in the audit log of a master."""

from typing import Final

from mbusweb.access import AccessKind


class AuditKind(AccessKind):
    """Those that every product writes, and the master's own; a page has a text for each."""

    SCAN_STARTED: Final = "scan started"
    SCAN_ENDED: Final = "scan ended"
    METERS_CHANGED: Final = "meters changed"
    BUS_WRITE: Final = "bus write"
    CERTIFICATE: Final = "certificate"
    FIRMWARE: Final = "firmware"
    CLOCK_SET: Final = "clock set"
    NETWORK: Final = "network"
    HOSTING: Final = "hosting"
    RESTART: Final = "restart"
