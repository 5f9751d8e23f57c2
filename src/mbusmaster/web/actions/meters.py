"""Changes of the meter list and of the expected meters, in the audit log."""

import re
from datetime import UTC

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.meterlist import ImportReport
from mbusmaster.web.services import Services
from mbusweb.actor import Actor


def record_change(services: Services, who: Actor, detail: str) -> None:
    """Write what was changed."""
    services.audit.record(AuditKind.METERS_CHANGED, who=who.user, source=who.source, detail=detail)


def record_import(services: Services, who: Actor, name: str, origin: str, report: ImportReport) -> None:
    """Write what became of a file.

    :param name: of the list.
    :param origin: where the file is from.
    """
    counts = f"{report.added} added, {report.updated} updated, {report.problem_count} problems"
    services.audit.record(
        AuditKind.METERS_CHANGED,
        who=who.user,
        source=who.source,
        detail=f"{name} imported from {origin}: {counts}",
        outcome="ok" if report.taken else "refused",
    )


def download_name(services: Services, who: Actor, kind: str) -> str:
    """Give the name of a list as a file, and write that it was downloaded."""
    serial_number = re.sub(r"[^A-Za-z0-9._-]", "_", services.identity.serial_number)
    name = f"{kind}-{serial_number}-{services.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.csv"
    services.audit.record(AuditKind.DOWNLOAD, who=who.user, source=who.source, detail=name)
    return name
