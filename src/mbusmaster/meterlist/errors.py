"""What can go wrong with the meter list.

::

    MasterError
    └── MeterListError          the list cannot be read or written
        ├── MeterRefusedError       a value that cannot be taken; says of which field
        └── ListFullError           no more meters fit
"""

from mbusmaster.errors import MasterError


class MeterListError(MasterError):
    """The list cannot be read or written."""


class MeterRefusedError(MeterListError):
    """A value that cannot be taken.

    :ivar field: which one.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ListFullError(MeterListError):
    """No more meters fit."""
