"""The errors of the master, one small tree.

::

    MasterError
    ├── BusDownError        the converter cannot be reached, so nothing can be asked
    ├── BusCrowdedError     no more clients fit on this bus
    ├── ClientClosedError   the client has left the bus
    └── StateFolderError    there is no place for what must survive a restart
"""


class MasterError(Exception):
    """Base of everything that the master raises on purpose."""


class BusDownError(MasterError):
    """The converter cannot be reached: no answer says nothing about any meter."""


class BusCrowdedError(MasterError):
    """No more clients fit on this bus."""


class ClientClosedError(MasterError):
    """The client has left the bus."""


class StateFolderError(MasterError):
    """There is no place for what must survive a restart."""
