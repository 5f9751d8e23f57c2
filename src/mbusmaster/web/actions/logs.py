"""The debug log, and the archive for support."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC
from typing import Any, Final

import tomli_w

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.bus.traffic import MAX_ENTRIES
from mbusmaster.system.logs import LONGEST_CAPTURE, Logs
from mbusmaster.system.support import SupportParts, archive_name, support_archive, without_secrets
from mbusmaster.web.services import Services
from mbusweb.actor import Actor

MOST_AUDITED: Final = 500
OF_PERSONS: Final = frozenset(
    {
        AuditKind.LOGIN,
        AuditKind.LOGIN_FAILED,
        AuditKind.LOGOUT,
        AuditKind.USER_ADDED,
        AuditKind.USER_DELETED,
        AuditKind.PASSWORD_CHANGED,
        AuditKind.TOKEN_CREATED,
        AuditKind.TOKEN_REVOKED,
    }
)
"""Entries that stay out of the archive: their details are names."""


def capture_debug(
    services: Services, who: Actor, logs: Logs, minutes: int, *, bus_trace: bool = False
) -> int:
    """Record the debug log for some minutes, or no longer, and the bus trace too if that is wanted; give for how many."""
    minutes = min(minutes, int(LONGEST_CAPTURE) // 60)
    logs.capture_debug(minutes * 60)
    is_traced = bus_trace and minutes > 0 and logs.trace is not None
    if logs.trace is not None:
        logs.trace.record(minutes * 60 if is_traced else 0)
    what = "debug log and bus trace" if is_traced else "debug log"
    services.audit.record(
        AuditKind.SETTINGS_CHANGED,
        who=who.user,
        source=who.source,
        detail=f"{what}: {minutes} min" if minutes else f"{what}: off",
    )
    return minutes


def log_text(services: Services, who: Actor, logs: Logs, log: str) -> tuple[str, Iterator[bytes]]:
    """Give name and content of all of one log as text; the content comes from another thread than the loop's.

    :param log: system or debug.
    """
    now = services.now().astimezone(UTC)
    name = f"{log}-{services.identity.serial_number}-{now:%Y%m%dT%H%M%SZ}.log"
    services.audit.record(AuditKind.DOWNLOAD, who=who.user, source=who.source, detail=name)
    return name, (logs.debug if log == "debug" else logs.system).texts()


def make_archive(services: Services, who: Actor, logs: Logs) -> tuple[str, Iterator[bytes]]:
    """Give name and content of the archive; the content comes from another thread than the loop's."""
    now = services.now()
    name = archive_name(services.identity.serial_number, now)
    services.audit.record(AuditKind.DOWNLOAD, who=who.user, source=who.source, detail=name)
    parts = SupportParts(_settings_text(services), _counters(services), _audit(services))
    return name, support_archive(logs, parts, now)


def _settings_text(services: Services) -> str:
    """Give the settings as they stand in the file."""
    return tomli_w.dumps(without_secrets(services.settings.stored.model_dump(mode="json", exclude_none=True)))


def _audit(services: Services) -> list[str]:
    """Give the last entries of what was done to the machine, not by whom; who logs in and out is nobody's affair."""
    return [
        f"{entry.at.isoformat()} {entry.kind}: {entry.detail}"
        for entry in services.audit.entries(limit=MOST_AUDITED)
        if entry.kind not in OF_PERSONS
    ]


def _counters(services: Services) -> dict[str, Any]:
    return {
        "time": services.now().isoformat(),
        "settings_problem": services.settings.problem,
        "pending": [change.path for change in services.settings.pending()],
        "identity": asdict(services.identity),
        "network": asdict(services.network.state()),
        "channels": [asdict(channel) for channel in services.channels()],
        "buses": [
            {
                "name": bus.name,
                "health": asdict(bus.health),
                "transactions": len(bus.traffic.last(MAX_ENTRIES)),
            }
            for bus in services.buses
        ],
        "log_problem": services.logs.problem if services.logs else "",
        "time_server": asdict(services.time.state),
        "hosting": asdict(services.hosted.state),
        "update": asdict(services.update.state),
    }
