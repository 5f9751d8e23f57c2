"""What people cannot do with a rollout."""

from mbusheadend.errors import HeadEndError
from mbusweb.texts import Text


class RolloutError(HeadEndError):
    """It cannot be done now; nothing has changed.

    :ivar text: why, for people.
    """

    def __init__(self, template: str, **values: str | int) -> None:
        self.text = Text(template, values)
        super().__init__(str(self.text))
