"""What local reading refuses."""

from mbusheadend.errors import HeadEndError
from mbusweb.texts import Text


class LocalError(HeadEndError):
    """A master cannot be reached in the way that somebody wrote down, or its list cannot be taken.

    :ivar text: says why, for people.
    """

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text
