"""The errors of the web part.

::

    MasterError
    └── WebError            the pages cannot be served: which door, why, what to do

    Exception
    ├── NeedsLoginError     the page is for users; the browser is sent to the login
    ├── NeedsUserError      the factory login may only make a user; the browser is sent there
    └── NotAllowedError     this visitor may not; the page says why
"""

from mbusmaster.errors import MasterError


class WebError(MasterError):
    """The pages cannot be served; the message says where, why and what to do."""


class NeedsLoginError(Exception):
    """The page is for users who are logged in."""


class NeedsUserError(Exception):
    """The factory login is only good for making one's own user."""


class NotAllowedError(Exception):
    """The visitor may not do this; the text, already translated, says why."""
