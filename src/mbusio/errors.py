"""The errors of talking to a bus, one small tree.

::

    BusIOError
    ├── TransportURLError       the text names no bus; says what to write instead
    ├── TransportOpenError      the bus could not be reached; says why and what to do
    ├── TransportClosedError    it was open, and is gone: unplugged, hung up, or closed by ourselves
    ├── GatewayError            the gateway is there, but does not carry out what was asked; says why
    ├── BaudError               the rate cannot be changed from here
    └── ModemLinesError         there are no modem lines here, or they cannot be read or set
"""


class BusIOError(Exception):
    """Base of everything that `mbusio` raises on purpose."""


class TransportURLError(BusIOError, ValueError):
    """The text names no bus."""


class TransportOpenError(BusIOError):
    """The bus could not be reached."""


class TransportClosedError(BusIOError):
    """The transport is gone, or was closed."""


class GatewayError(BusIOError):
    """The gateway says that it did not carry out what was asked."""


class BaudError(BusIOError):
    """The rate on the bus cannot be changed through this transport."""


class ModemLinesError(BusIOError):
    """There are no modem lines here, or they cannot be read or set."""
