"""The CI field: which header follows and what the data are (EN 13757-7; MBUS.md 4.1)."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class HeaderKind(Enum):
    """The data header behind the CI field (MBUS.md 4.2)."""

    NONE = auto()
    SHORT = auto()
    LONG = auto()


class Content(Enum):
    """What follows the header."""

    RECORDS = auto()
    FIXED = auto()
    """The old fixed structure where the length is its own, a compact frame otherwise."""
    REFUSAL = auto()
    """One byte: an application error."""
    ALARM = auto()
    """One byte of the manufacturer's own meaning."""
    PARAMETERS = auto()
    """A service of the link or of the application whose data are no records."""
    AUTHENTICATION = auto()
    """The authentication and fragmentation layer, then another CI field."""
    RAW = auto()
    """Nothing that is decoded here."""


@dataclass(frozen=True, slots=True)
class CiRow:
    """The CI fields `first` to `last`; `msb_first` marks the old forms whose values begin with the most significant byte."""

    first: int
    last: int
    header: HeaderKind
    content: Content
    meaning: str
    msb_first: bool = False


_NONE, _SHORT, _LONG = HeaderKind.NONE, HeaderKind.SHORT, HeaderKind.LONG

ROWS: Final = (
    CiRow(0x00, 0x1F, _NONE, Content.RAW, "DLMS"),
    CiRow(0x20, 0x4F, _NONE, Content.RAW, "reserved"),
    CiRow(0x50, 0x50, _NONE, Content.PARAMETERS, "application reset or select"),
    CiRow(0x51, 0x51, _NONE, Content.RECORDS, "command"),
    CiRow(0x52, 0x52, _NONE, Content.PARAMETERS, "selection of device"),
    CiRow(0x53, 0x53, _LONG, Content.PARAMETERS, "application reset or select"),
    CiRow(0x54, 0x54, _NONE, Content.PARAMETERS, "request of selected application"),
    CiRow(0x55, 0x55, _LONG, Content.PARAMETERS, "request of selected application"),
    CiRow(0x56, 0x56, _NONE, Content.PARAMETERS, "selection of device", msb_first=True),
    CiRow(0x57, 0x59, _NONE, Content.RAW, "reserved"),
    CiRow(0x5A, 0x5A, _SHORT, Content.RECORDS, "command"),
    CiRow(0x5B, 0x5B, _LONG, Content.RECORDS, "command"),
    CiRow(0x5C, 0x5C, _NONE, Content.PARAMETERS, "synchronise action"),
    CiRow(0x5D, 0x5E, _NONE, Content.RAW, "reserved"),
    CiRow(0x5F, 0x5F, _LONG, Content.RAW, "specific usage"),
    CiRow(0x60, 0x60, _LONG, Content.RAW, "COSEM command"),
    CiRow(0x61, 0x61, _SHORT, Content.RAW, "COSEM command"),
    CiRow(0x62, 0x63, _NONE, Content.RAW, "reserved"),
    CiRow(0x64, 0x64, _LONG, Content.RAW, "OBIS-type command"),
    CiRow(0x65, 0x65, _SHORT, Content.RAW, "OBIS-type command"),
    CiRow(0x66, 0x66, _NONE, Content.RAW, "response of selected application"),
    CiRow(0x67, 0x67, _SHORT, Content.RAW, "response of selected application"),
    CiRow(0x68, 0x68, _LONG, Content.RAW, "response of selected application"),
    CiRow(0x69, 0x69, _NONE, Content.RAW, "format frame"),
    CiRow(0x6A, 0x6A, _SHORT, Content.RAW, "format frame"),
    CiRow(0x6B, 0x6B, _LONG, Content.RAW, "format frame"),
    CiRow(0x6C, 0x6C, _LONG, Content.RAW, "clock synchronisation, absolute"),
    CiRow(0x6D, 0x6D, _LONG, Content.RAW, "clock synchronisation, relative"),
    CiRow(0x6E, 0x6E, _SHORT, Content.REFUSAL, "application error"),
    CiRow(0x6F, 0x6F, _LONG, Content.REFUSAL, "application error"),
    CiRow(0x70, 0x70, _NONE, Content.REFUSAL, "application error"),
    CiRow(0x71, 0x71, _NONE, Content.ALARM, "alarm"),
    CiRow(0x72, 0x72, _LONG, Content.RECORDS, "variable data"),
    CiRow(0x73, 0x73, _LONG, Content.FIXED, "compact frame"),
    CiRow(0x74, 0x74, _SHORT, Content.RECORDS, "alarm"),
    CiRow(0x75, 0x75, _LONG, Content.RECORDS, "alarm"),
    CiRow(0x76, 0x76, _LONG, Content.RECORDS, "variable data", msb_first=True),
    CiRow(0x77, 0x77, _LONG, Content.FIXED, "fixed data structure", msb_first=True),
    CiRow(0x78, 0x78, _NONE, Content.RECORDS, "variable data"),
    CiRow(0x79, 0x79, _NONE, Content.RAW, "compact frame"),
    CiRow(0x7A, 0x7A, _SHORT, Content.RECORDS, "variable data"),
    CiRow(0x7B, 0x7B, _SHORT, Content.RAW, "compact frame"),
    CiRow(0x7C, 0x7C, _LONG, Content.RAW, "COSEM response"),
    CiRow(0x7D, 0x7D, _SHORT, Content.RAW, "COSEM response"),
    CiRow(0x7E, 0x7E, _LONG, Content.RAW, "OBIS-type response"),
    CiRow(0x7F, 0x7F, _SHORT, Content.RAW, "OBIS-type response"),
    CiRow(0x80, 0x80, _LONG, Content.PARAMETERS, "transport layer, to device"),
    CiRow(0x81, 0x81, _NONE, Content.RAW, "network layer"),
    CiRow(0x82, 0x82, _LONG, Content.RAW, "network management, to device"),
    CiRow(0x83, 0x83, _NONE, Content.RAW, "network management, to device"),
    CiRow(0x84, 0x84, _LONG, Content.RAW, "transport layer, compact frame expected"),
    CiRow(0x85, 0x85, _LONG, Content.RAW, "transport layer, format frame expected"),
    CiRow(0x86, 0x86, _NONE, Content.RAW, "extended link layer V"),
    CiRow(0x87, 0x87, _LONG, Content.RAW, "network management, from device"),
    CiRow(0x88, 0x88, _SHORT, Content.RAW, "network management, from device"),
    CiRow(0x89, 0x89, _NONE, Content.RAW, "network management, from device"),
    CiRow(0x8A, 0x8A, _SHORT, Content.PARAMETERS, "transport layer, from device"),
    CiRow(0x8B, 0x8B, _LONG, Content.PARAMETERS, "transport layer, from device"),
    CiRow(0x8C, 0x8F, _NONE, Content.RAW, "extended link layer I to IV"),
    CiRow(0x90, 0x90, _NONE, Content.AUTHENTICATION, "authentication and fragmentation layer"),
    CiRow(0x91, 0x9D, _NONE, Content.RAW, "reserved"),
    CiRow(0x9E, 0x9E, _SHORT, Content.RAW, "specific usage"),
    CiRow(0x9F, 0x9F, _LONG, Content.RAW, "specific usage"),
    CiRow(0xA0, 0xB7, _NONE, Content.RAW, "manufacturer specific"),
    CiRow(0xB8, 0xBF, _NONE, Content.PARAMETERS, "set baud rate"),
    CiRow(0xC0, 0xC2, _NONE, Content.RAW, "image transfer"),
    CiRow(0xC3, 0xC5, _NONE, Content.RAW, "security information transport"),
    CiRow(0xC6, 0xFF, _NONE, Content.RAW, "reserved"),
)

CI_FIELDS: Final = {ci: row for row in ROWS for ci in range(row.first, row.last + 1)}
"""The row of each of the 256 CI fields."""
