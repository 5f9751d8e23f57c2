"""The kinds of entries in the audit log of the head-end."""

from typing import Final

from mbusweb.access import AccessKind


class AuditKind(AccessKind):
    """Those that every product writes, and the head-end's own; `web.audit_texts` has a text for each."""

    MASTER_CHANGED: Final = "master changed"
    MASTER_DELETED: Final = "master deleted"
    ENROLMENT_TOKEN_MADE: Final = "enrolment token made"  # noqa: S105 - a kind
    ENROLMENT_TOKEN_DELETED: Final = "enrolment token deleted"  # noqa: S105 - a kind
    CERTIFICATE_REVOKED: Final = "certificate revoked"
    GROUP_CHANGED: Final = "group changed"
    METER_CHANGED: Final = "meter changed"
    METER_DELETED: Final = "meter deleted"
    METERS_IMPORTED: Final = "meters imported"
    KEY_CHANGED: Final = "key changed"
    SCHEDULE_CHANGED: Final = "schedule changed"
    SCHEDULE_DELETED: Final = "schedule deleted"
    READ_ORDERED: Final = "read ordered"
    READ_CANCELLED: Final = "read cancelled"
    LOCAL_READING: Final = "local reading"
    ALARM_CHANGED: Final = "alarm changed"
    NOTIFICATIONS_CHANGED: Final = "notifications changed"
    FIRMWARE: Final = "firmware"
    ROLLOUT: Final = "rollout"
    FLEET_SETTINGS: Final = "fleet settings"
    JOB_CANCELLED: Final = "job cancelled"
    TUNNEL: Final = "tunnel"
