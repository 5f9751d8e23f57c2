"""Erasing all data, with the restart that does it."""

import asyncio

from starlette.background import BackgroundTask

from mbusmaster.system.erase import Eraser
from mbusmaster.system.restart import Restart
from mbusmaster.web.actions.restart import begin_restart, obstacle
from mbusmaster.web.services import Services
from mbusweb.actor import Actor
from mbusweb.locale import gettext as _


def erase_obstacle(services: Services) -> str:
    """Say why nothing can be erased now; empty where it can."""
    if why := obstacle(services):
        return why
    if services.restart is None or services.restart.eraser is None:
        return _("This master cannot erase its data: use the command mbusmaster erase.")
    if any(change.path == "state_folder" for change in services.settings.pending()):
        return _("Another state folder waits for the restart. Restart first, then erase.")
    return ""


async def begin_erase(
    services: Services, restart: Restart, eraser: Eraser, who: Actor, where: str
) -> BackgroundTask:
    """Have all data erased with the next start, and give what begins that once the answer is out; raise `EraseError`."""
    await asyncio.to_thread(eraser.request)
    return begin_restart(services, restart, who, where, "all data is erased")
