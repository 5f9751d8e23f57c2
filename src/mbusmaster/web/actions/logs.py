"""The debug log, and the archive for support."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import tomli_w

from mbusmaster.access import AuditKind
from mbusmaster.system.logs import LONGEST_CAPTURE, Logs
from mbusmaster.system.support import SupportParts, archive_name, support_archive
from mbusmaster.web.actions import Actor
from mbusmaster.web.services import Services


def capture_debug(services: Services, who: Actor, logs: Logs, minutes: int) -> int:
    """Record the debug log for some minutes, or no longer; give for how many."""
    minutes = min(minutes, int(LONGEST_CAPTURE) // 60)
    logs.capture_debug(minutes * 60)
    services.audit.record(
        AuditKind.SETTINGS_CHANGED,
        who=who.user,
        source=who.source,
        detail=f"debug log: {minutes} min" if minutes else "debug log: off",
    )
    return minutes


def make_archive(services: Services, who: Actor, logs: Logs) -> tuple[str, Iterator[bytes]]:
    """Give name and content of the archive; the content comes from another thread than the loop's."""
    now = services.now()
    name = archive_name(services.identity.serial_number, now)
    services.audit.record(AuditKind.DOWNLOAD, who=who.user, source=who.source, detail=name)
    parts = SupportParts(_settings_text(services), _counters(services))
    return name, support_archive(logs.system, logs.debug, parts, now)


def _settings_text(services: Services) -> str:
    """Give the settings as they stand in the file; none of them is a secret."""
    return tomli_w.dumps(services.settings.stored.model_dump(mode="json", exclude_none=True))


def _counters(services: Services) -> dict[str, Any]:
    return {
        "time": services.now().isoformat(),
        "settings_problem": services.settings.problem,
        "pending": [change.path for change in services.settings.pending()],
        "identity": asdict(services.identity),
        "network": asdict(services.network.state()),
        "channels": [asdict(channel) for channel in services.channels()],
        "buses": [
            {"name": bus.name, "state": bus.health.state, "reason": bus.health.reason}
            for bus in services.buses
        ],
        "time_server": asdict(services.time.state),
        "hosting": asdict(services.hosted.state),
        "update": asdict(services.update.state),
    }
