"""What can be wrong with users, passwords, logins and tokens.

::

    WebBaseError
    └── AccessError            has a kind, which a page translates, and the field it is about
        ├── UserError          a user cannot be added, changed or deleted
        ├── TokenError         an API token cannot be made or revoked
        ├── LoginError         no login; says how long to wait
        └── AccessStoreError   the file of the users cannot be used

No message holds a password, a token, the id of a session or a name that somebody tried.
"""

from enum import StrEnum

from mbusweb.errors import WebBaseError


class Problem(StrEnum):
    """Every reason for which something is refused; a page has a text for each."""

    NAME_LENGTH = "name_length"
    NAME_CHARACTERS = "name_characters"
    NAME_RESERVED = "name_reserved"
    NAME_TAKEN = "name_taken"
    NO_SUCH_USER = "no_such_user"
    TOO_MANY_USERS = "too_many_users"
    LAST_USER = "last_user"
    LAST_ADMIN = "last_admin"
    ROLE = "role"
    NOT_FACTORY = "not_factory"
    PASSWORD_SHORT = "password_short"  # noqa: S105 - a kind, no password
    PASSWORD_LONG = "password_long"  # noqa: S105
    PASSWORD_CHARACTERS = "password_characters"  # noqa: S105
    PASSWORD_NAME = "password_name"  # noqa: S105
    PASSWORD_KNOWN = "password_known"  # noqa: S105
    TITLE = "title"
    EXPIRES = "expires"
    TOO_MANY_TOKENS = "too_many_tokens"
    NO_SUCH_TOKEN = "no_such_token"  # noqa: S105
    WRONG_LOGIN = "wrong_login"
    WAIT = "wait"
    BUSY = "busy"
    SETUP_ONLY = "setup_only"
    UNUSABLE = "unusable"
    SECRETS = "secrets"


class AccessError(WebBaseError):
    """Something about users was refused.

    :ivar kind: why; the same in every language.
    :ivar field: of a form: "name", "password", "role", "title", "expires"; empty where it is about none.
    """

    def __init__(self, message: str, kind: Problem, field: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.field = field


class UserError(AccessError):
    """A user cannot be added, changed or deleted."""


class TokenError(AccessError):
    """An API token cannot be made or revoked."""


class LoginError(AccessError):
    """Nobody was logged in.

    :ivar wait_seconds: before the next try is looked at; 0 where one may try at once.
    """

    def __init__(self, message: str, kind: Problem, wait_seconds: float = 0.0) -> None:
        super().__init__(message, kind)
        self.wait_seconds = wait_seconds


class AccessStoreError(AccessError):
    """The file of the users cannot be read or written; the message says what to do.

    :ivar needs_reset: the file is there and of no use: only a reset, which sets it aside, helps.
    """

    def __init__(self, message: str, *, needs_reset: bool = False) -> None:
        super().__init__(message, Problem.UNUSABLE)
        self.needs_reset = needs_reset
