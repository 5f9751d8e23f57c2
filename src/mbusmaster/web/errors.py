"""The errors of the web part of the master.

::

    MasterError
    └── WebError            the pages cannot be served: which door, why, what to do
"""

from mbusmaster.errors import MasterError


class WebError(MasterError):
    """The pages cannot be served; the message says where, why and what to do."""
