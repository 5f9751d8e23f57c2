"""Who may use the master's pages: users, logins, sessions, API tokens, and the audit log.

`access` is the facade. `names`, `passwords`, `hashing` and `throttle` are the rules, `sessions` is kept in memory, `rows`,
`audit` and `migrations` belong to the file of `database`, `offline` is for commands, `backup` for the encrypted backup.
"""

from mbusmaster.access.access import Access
from mbusmaster.access.audit import AuditEntry, AuditKind, AuditLog
from mbusmaster.access.errors import (
    AccessError,
    AccessStoreError,
    LoginError,
    Problem,
    TokenError,
    UserError,
)
from mbusmaster.access.hashing import Hasher
from mbusmaster.access.names import FACTORY_NAME
from mbusmaster.access.offline import add_user_offline, reset_users
from mbusmaster.access.passwords import FACTORY_PASSWORD
from mbusmaster.access.rows import Token, User
from mbusmaster.access.sessions import Session

__all__ = [
    "FACTORY_NAME",
    "FACTORY_PASSWORD",
    "Access",
    "AccessError",
    "AccessStoreError",
    "AuditEntry",
    "AuditKind",
    "AuditLog",
    "Hasher",
    "LoginError",
    "Problem",
    "Session",
    "Token",
    "TokenError",
    "User",
    "UserError",
    "add_user_offline",
    "reset_users",
]
