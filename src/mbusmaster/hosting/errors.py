"""What can go wrong with hosted reading on the master's side.

::

    MasterError
    └── HostingError            hosted reading cannot go on
        └── HostingFileError        its file cannot be read or written; tells whether the disk is full
"""

from mbusmaster.errors import MasterError


class HostingError(MasterError):
    """Hosted reading cannot go on."""


class HostingFileError(HostingError):
    """The file of hosted reading cannot be read or written; nothing was changed.

    :ivar full: for lack of room.
    """

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full
