"""What goes wrong with trust."""

from mbusmaster.errors import MasterError


class TrustError(MasterError):
    """Something about keys and certificates cannot be done; says what and what to do instead.

    :ivar field: what was wrong of that which was given: ``name``, ``passphrase``, ``days``, ``certificate``, ``id``; else empty.
    """

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field
