"""Changes of settings."""

import asyncio
from collections.abc import Mapping

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.settings import Change
from mbusmaster.web.services import Services
from mbusmaster.web.setting_changes import audit_details
from mbusweb.actor import Actor


async def change_settings(services: Services, who: Actor, wanted: Mapping[str, object]) -> tuple[Change, ...]:
    """Store settings, as `SettingsService.change` takes them, and give what differs now; raise `SettingsError`."""
    changes = await asyncio.to_thread(services.settings.change, wanted)
    for detail in audit_details(changes):
        services.audit.record(AuditKind.SETTINGS_CHANGED, who=who.user, source=who.source, detail=detail)
    return changes
