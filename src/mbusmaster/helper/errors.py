"""Why a deed was not done, one small tree.

::

    MasterError
    └── HelperError             base; text and values apart, so that pages can translate it
        ├── RefusedError        the deed was not done, and why; nothing has changed
        └── HelperGoneError     the service cannot be asked, or broke off: what it did is not known
"""

from collections.abc import Mapping

from mbusmaster.errors import MasterError


class HelperError(MasterError):
    """A deed that needs root was not done.

    :ivar template: what, where, and what to do, in English, with ``%(name)s`` where a value stands.
    :ivar values: what stands there.
    """

    def __init__(self, template: str, values: Mapping[str, str | int] | None = None) -> None:
        self.template = template
        self.values = dict(values or {})
        super().__init__(template % self.values if self.values else template)


class RefusedError(HelperError):
    """The service did not do it, and says why; nothing has changed."""


class HelperGoneError(HelperError):
    """The service cannot be asked, or broke off."""
