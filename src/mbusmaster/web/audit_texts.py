"""The kinds of the audit log, in the visitor's language."""

from mbusmaster.audit_kinds import AuditKind
from mbusweb.locale import gettext as _


def kind_texts() -> dict[str, str]:
    """Give a text for each kind, in the order in which a list shows them."""
    return {
        AuditKind.LOGIN: _("Login"),
        AuditKind.LOGIN_FAILED: _("Login failed"),
        AuditKind.LOGOUT: _("Logout"),
        AuditKind.USER_ADDED: _("User added"),
        AuditKind.USER_DELETED: _("User deleted"),
        AuditKind.PASSWORD_CHANGED: _("Password changed"),
        AuditKind.TOKEN_CREATED: _("API token made"),
        AuditKind.TOKEN_REVOKED: _("API token revoked"),
        AuditKind.RESET: _("Users reset"),
        AuditKind.USERS_RESTORED: _("Users restored"),
        AuditKind.SETTINGS_CHANGED: _("Settings changed"),
        AuditKind.BACKUP: _("Backup"),
        AuditKind.RESTORE: _("Configuration restored"),
        AuditKind.SCAN_STARTED: _("Scan started"),
        AuditKind.SCAN_ENDED: _("Scan ended"),
        AuditKind.METERS_CHANGED: _("Meter list changed"),
        AuditKind.DOWNLOAD: _("Download"),
        AuditKind.BUS_WRITE: _("Write on the bus"),
        AuditKind.CERTIFICATE: _("Certificate"),
        AuditKind.FIRMWARE: _("Firmware"),
        AuditKind.CLOCK_SET: _("Clock set"),
        AuditKind.NETWORK: _("Network addresses"),
        AuditKind.HOSTING: _("Hosted reading"),
        AuditKind.RESTART: _("Restart"),
    }
