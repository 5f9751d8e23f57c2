"""Why a deed was not done, one small tree.

::

    MasterError
    └── HelperError             base; text and values apart, so that pages can translate it
        ├── RefusedError        the deed was not done, and why; nothing has changed
        └── HelperGoneError     the service cannot be asked, or broke off: what it did is not known
"""

from collections.abc import Mapping

from mbusmaster.errors import MasterError
from mbusweb.texts import Text


class HelperError(MasterError):
    """A deed that needs root was not done.

    :ivar text: what, where, and what to do.
    """

    def __init__(self, template: str, values: Mapping[str, str | int] | None = None) -> None:
        self.text = Text(template, dict(values or {}))
        super().__init__(str(self.text))


class RefusedError(HelperError):
    """The service did not do it, and says why; nothing has changed."""


class HelperGoneError(HelperError):
    """The service cannot be asked, or broke off."""
