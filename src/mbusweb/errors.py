"""The errors of the shared web base.

::

    WebBaseError                root of what is raised on purpose
    └── access.AccessError      users, passwords, logins, tokens

    Exception
    ├── NeedsLoginError         this is for users; the browser is sent to the login
    ├── NeedsUserError          the default user may only make a user; the browser is sent there
    └── NotAllowedError         this visitor may not; the page says why
"""


class WebBaseError(Exception):
    """Base of everything that is raised on purpose and reported in one line."""


class NeedsLoginError(Exception):
    """This is for users who are logged in."""


class NeedsUserError(Exception):
    """The default user is only good for making one's own user."""


class NotAllowedError(Exception):
    """The visitor may not do this; the text, already translated, says why."""
