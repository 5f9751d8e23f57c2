"""The head-end: letting it take this master in, and leaving it."""

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.hosting.state import CredentialState
from mbusmaster.web.actions.settings import change_settings
from mbusmaster.web.services import Services
from mbusweb.actor import Actor

LONGEST_URL = 255
LONGEST_TOKEN = 200


async def enrol(services: Services, who: Actor, url: str, token: str, *, switch_on: bool) -> CredentialState:
    """Let a head-end take this master in, and switch hosting on. Raise `SaidError`, or `SettingsError` for the switch alone."""
    state = await services.hosted.enrol(url, token)
    _record(services, who, f"enrolled at {state.place} as {state.serial_number}")
    if switch_on and not services.settings.stored.hosting.enabled:
        await change_settings(services, who, {"hosting.enabled": True})
    return state


async def leave(services: Services, who: Actor) -> bool:
    """Forget the head-end; tell whether there was one. Raise `SaidError`."""
    place = services.hosted.state.enrolment.place
    was_there = await services.hosted.leave()
    if was_there:
        _record(services, who, f"left {place}".strip())
    return was_there


def end_tunnel(services: Services, who: Actor, id: str) -> bool:
    """End a tunnel; tell whether it was open."""
    was_open = services.hosted.end_tunnel(id, who.user or who.source)
    if was_open:
        _record(services, who, f"ended {id}")
    return was_open


def _record(services: Services, who: Actor, detail: str) -> None:
    services.audit.record(AuditKind.HOSTING, who=who.user, source=who.source, detail=detail)
