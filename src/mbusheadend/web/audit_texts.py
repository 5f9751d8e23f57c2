"""The kinds of the audit log, in the visitor's language."""

from mbusheadend.audit_kinds import AuditKind
from mbusweb.audit_texts import access_kind_texts
from mbusweb.locale import gettext as _


def kind_texts() -> dict[str, str]:
    """Give a text for each kind, in the order in which a list shows them."""
    return {
        **access_kind_texts(),
        AuditKind.MASTER_CHANGED: _("Master changed"),
        AuditKind.MASTER_DELETED: _("Master deleted"),
        AuditKind.ENROLMENT_TOKEN_MADE: _("Enrolment token made"),
        AuditKind.ENROLMENT_TOKEN_DELETED: _("Enrolment token deleted"),
        AuditKind.CERTIFICATE_REVOKED: _("Certificate revoked"),
        AuditKind.GROUP_CHANGED: _("Group changed"),
        AuditKind.METER_CHANGED: _("Meter changed"),
        AuditKind.METER_DELETED: _("Meter deleted"),
        AuditKind.METERS_IMPORTED: _("Meters imported"),
        AuditKind.KEY_CHANGED: _("Key of a meter changed"),
        AuditKind.SCHEDULE_CHANGED: _("Schedule changed"),
        AuditKind.SCHEDULE_DELETED: _("Schedule deleted"),
        AuditKind.READ_ORDERED: _("Reading ordered"),
        AuditKind.READ_CANCELLED: _("Reading cancelled"),
        AuditKind.LOCAL_READING: _("Local reading"),
        AuditKind.ALARM_CHANGED: _("Alarm changed"),
        AuditKind.NOTIFICATIONS_CHANGED: _("Notifications changed"),
        AuditKind.FIRMWARE: _("Firmware"),
        AuditKind.ROLLOUT: _("Rollout of a release"),
        AuditKind.FLEET_SETTINGS: _("Settings of masters"),
        AuditKind.JOB_CANCELLED: _("Job cancelled"),
        AuditKind.TUNNEL: _("Tunnel to a bus"),
    }
