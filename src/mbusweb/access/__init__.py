"""Who may use the pages of a product: users, logins, sessions, API tokens, and the audit log.

`access` is the facade; what differs between products is in `rules`. `names`, `passwords`, `hashing` and `throttle` say what is
good, `logins` asks them, `sessions` is kept in memory, `rows`, `audit` and `migrations` belong to the file of `database`,
`offline` is for commands, `backup` for the encrypted backup.
"""

from mbusweb.access.access import Access
from mbusweb.access.audit import AccessKind, AuditEntry, AuditLog
from mbusweb.access.errors import (
    AccessError,
    AccessStoreError,
    LoginError,
    Problem,
    TokenError,
    UserError,
)
from mbusweb.access.hashing import Hasher
from mbusweb.access.offline import (
    add_user_offline,
    delete_user_offline,
    list_users_offline,
    reset_users,
    set_password_offline,
    set_role_offline,
)
from mbusweb.access.rows import Token, User
from mbusweb.access.rules import DefaultUser, Rules
from mbusweb.access.sessions import Session

__all__ = [
    "Access",
    "AccessError",
    "AccessKind",
    "AccessStoreError",
    "AuditEntry",
    "AuditLog",
    "DefaultUser",
    "Hasher",
    "LoginError",
    "Problem",
    "Rules",
    "Session",
    "Token",
    "TokenError",
    "User",
    "UserError",
    "add_user_offline",
    "delete_user_offline",
    "list_users_offline",
    "reset_users",
    "set_password_offline",
    "set_role_offline",
]
