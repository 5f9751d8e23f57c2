"""The audit log as a file."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC

from mbusweb.access import AccessKind
from mbusweb.actor import Actor
from mbusweb.services import BaseServices


def audit_file(
    services: BaseServices, who: Actor, kind: str | None, name: str | None
) -> tuple[str, AsyncIterator[str]]:
    """Give name and content (CSV) of the log.

    :param kind: only entries of this kind; :param name: only what this user did.
    """
    moment = services.now().astimezone(UTC)
    file = f"audit-{services.label}-{moment:%Y%m%dT%H%M%SZ}.csv"
    services.audit.record(AccessKind.DOWNLOAD, who=who.user, source=who.source, detail=file)
    return file, _csv(services, kind, name)


async def _csv(services: BaseServices, kind: str | None, name: str | None) -> AsyncIterator[str]:
    """Give the file in pieces; between them others have their turn."""
    for piece in services.audit.csv(kind, name):
        yield piece
        await asyncio.sleep(0)
