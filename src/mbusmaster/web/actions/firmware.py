"""Firmware: a release file is handed over to the updater."""

import re
from collections.abc import AsyncIterator
from typing import Final

from mbusmaster.access import AuditKind
from mbusmaster.errors import MasterError
from mbusmaster.web.actions import Actor
from mbusmaster.web.services import Services

SHOWN_NAME: Final = "MBMC2022_release_xxxx.tar"
RELEASE_NAME: Final = re.compile(r"MBMC2022_release_[A-Za-z0-9._-]{1,64}\.tar")
MAX_SIZE: Final = 256 << 20
"""Of a release file."""


async def install(services: Services, who: Actor, name: str, content: AsyncIterator[bytes]) -> None:
    """Hand over a file whose name is one of a release; raise what the updater raises."""
    try:
        await services.update.install(name, content)
    except MasterError:
        services.audit.record(
            AuditKind.FIRMWARE, who=who.user, source=who.source, detail=name, outcome="refused"
        )
        raise
    services.audit.record(AuditKind.FIRMWARE, who=who.user, source=who.source, detail=name)
