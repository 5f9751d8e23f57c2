"""Restart of the master."""

from starlette.background import BackgroundTask

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.system.restart import Restart
from mbusmaster.web.services import Services
from mbusweb.actor import Actor
from mbusweb.locale import gettext as _


def obstacle(services: Services) -> str:
    """Say why there can be no restart now; empty where there can."""
    if services.restart is None:
        return _("This master cannot restart itself: restart it with the tools of the operating system.")
    if services.update.state.is_busy:
        return _("An update is being installed. Do not restart now: the master restarts itself.")
    return ""


def begin_restart(
    services: Services, restart: Restart, who: Actor, where: str, detail: str = ""
) -> BackgroundTask:
    """Give what begins the restart once the answer is out.

    :param where: for the log: on the web page, over the API.
    :param detail: for the audit log.
    """
    services.audit.record(AuditKind.RESTART, who=who.user, source=who.source, detail=detail)
    return BackgroundTask(_request, restart, f"{who.user} wants it {where}")


async def _request(restart: Restart, why: str) -> None:
    restart.request(why)
