"""How the stream fails.

::

    StreamError               it could not be done now; nothing is promised, the same may be tried again
    └── StreamFullError       there is no room: something has to be written to the store first
    FormatError               a message is none of ours, or was damaged: it will never be understood
"""


class StreamError(Exception):
    """The stream could not do it now."""


class StreamFullError(StreamError):
    """The stream has no room."""


class FormatError(Exception):
    """This is no message of readings."""
