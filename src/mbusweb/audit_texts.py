"""The kinds of audit entries that every product writes, in the visitor's language."""

from mbusweb.access import AccessKind
from mbusweb.locale import gettext as _


def access_kind_texts() -> dict[str, str]:
    """Give a text for each kind, in the order in which a list shows them."""
    return {
        AccessKind.LOGIN: _("Login"),
        AccessKind.LOGIN_FAILED: _("Login failed"),
        AccessKind.LOGOUT: _("Logout"),
        AccessKind.USER_ADDED: _("User added"),
        AccessKind.USER_DELETED: _("User deleted"),
        AccessKind.PASSWORD_CHANGED: _("Password changed"),
        AccessKind.ROLE_CHANGED: _("Role changed"),
        AccessKind.TOKEN_CREATED: _("API token made"),
        AccessKind.TOKEN_REVOKED: _("API token revoked"),
        AccessKind.RESET: _("Users reset"),
        AccessKind.USERS_RESTORED: _("Users restored"),
        AccessKind.SETTINGS_CHANGED: _("Settings changed"),
        AccessKind.BACKUP: _("Backup"),
        AccessKind.RESTORE: _("Configuration restored"),
        AccessKind.DOWNLOAD: _("Download"),
    }
