"""Firmware: a release file is handed over to the updater, and the update server is asked."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Final

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.system.update import MAX_SIZE, UNDER_WAY, UpdateState, UpdateStatus
from mbusmaster.system.update_slots import ON_TRIAL, SHOWN_NAME
from mbusmaster.web.services import Services
from mbusreleases.description import FILE_NAME
from mbusweb.actor import Actor
from mbusweb.texts import NO_TEXT, Text

__all__ = [
    "MAX_SIZE",
    "RELEASE_NAME",
    "SHOWN_NAME",
    "ask_server",
    "declared_size",
    "install",
    "install_offered",
    "refusal",
]

RELEASE_NAME: Final = FILE_NAME
_LONGEST_LENGTH: Final = 20


def refusal(state: UpdateState) -> Text:
    """Say why no release is taken now; nothing where one is."""
    if state.status is UpdateStatus.NOT_AVAILABLE:
        return state.reason
    if state.is_busy or state.status is UpdateStatus.INSTALLED:
        return Text(UNDER_WAY)
    if state.installed is not None and state.installed.on_trial:
        return Text(ON_TRIAL, {"release": state.installed.release})
    return NO_TEXT


def declared_size(headers: Mapping[str, str]) -> int | None:
    """Give how long a body is that is the file itself; None where that is not said."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < _LONGEST_LENGTH else None


async def install(
    services: Services, who: Actor, name: str, content: AsyncIterator[bytes], size: int | None = None
) -> None:
    """Hand over a file whose name is one of a release; raise what the updater raises."""
    await _recorded(services, who, name, services.update.install(name, content, size))


async def install_offered(services: Services, who: Actor) -> None:
    """Have installed what the update server offers; raise what the updater raises."""
    await _recorded(services, who, "from the update server", services.update.install_offered())


async def ask_server(services: Services, who: Actor) -> None:
    """Have the update server asked; raise what the updater raises."""
    await _recorded(services, who, "the update server is asked", services.update.check())


async def _recorded(services: Services, who: Actor, detail: str, deed: Awaitable[None]) -> None:
    outcome = "refused"
    try:
        await deed
        outcome = "ok"
    finally:
        services.audit.record(
            AuditKind.FIRMWARE, who=who.user, source=who.source, detail=detail, outcome=outcome
        )
