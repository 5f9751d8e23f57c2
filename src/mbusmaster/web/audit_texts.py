"""The kinds of the audit log, in the visitor's language."""

from mbusmaster.audit_kinds import AuditKind
from mbusweb.audit_texts import access_kind_texts
from mbusweb.locale import gettext as _


def kind_texts() -> dict[str, str]:
    """Give a text for each kind, in the order in which a list shows them."""
    shared = access_kind_texts()
    # Every user of a master may everything.
    del shared[AuditKind.ROLE_CHANGED]
    return {
        **shared,
        AuditKind.SCAN_STARTED: _("Scan started"),
        AuditKind.SCAN_ENDED: _("Scan ended"),
        AuditKind.METERS_CHANGED: _("Meter list changed"),
        AuditKind.BUS_WRITE: _("Write on the bus"),
        AuditKind.CERTIFICATE: _("Certificate"),
        AuditKind.FIRMWARE: _("Firmware"),
        AuditKind.CLOCK_SET: _("Clock set"),
        AuditKind.NETWORK: _("Network addresses"),
        AuditKind.HOSTING: _("Hosted reading"),
        AuditKind.RESTART: _("Restart"),
    }
