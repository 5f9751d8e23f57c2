"""What the store refuses, and how it fails.

::

    StoreError                 the store could not do it: disk full, file damaged; nothing was changed
    └── StoreRefusedError      it would be wrong: the message says why, for a person
        ├── UnknownError       there is no such master, meter, schedule or command
        ├── ChangedError       somebody else has changed it meanwhile
        └── WrongOwnerError    one master spoke for another
"""


class StoreError(Exception):
    """The store could not do it; nothing was changed."""


class StoreRefusedError(StoreError):
    """What was asked for would be wrong."""


class UnknownError(StoreRefusedError):
    """There is no such thing."""


class ChangedError(StoreRefusedError):
    """Somebody else has changed it since it was looked at."""


class WrongOwnerError(StoreRefusedError):
    """A master spoke for another one."""
