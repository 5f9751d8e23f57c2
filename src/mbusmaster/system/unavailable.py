"""What a part of the system says where it cannot do what it is for."""

from mbusmaster.errors import MasterError


class NotAvailableError(MasterError):
    """This machine, or this release, has no such service: nothing was changed. The message says which and what to do."""
