"""The verbs ``slots.install``, ``slots.confirm`` and ``slots.state``."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.server import Deed, Tell
from mbusmaster.helper.slots import rauc
from mbusmaster.helper.slots.begin import confirm
from mbusmaster.helper.slots.install import Installer
from mbusmaster.helper.slots.install import Tell as Told
from mbusmaster.helper.slots.layout import PACKAGE, Places
from mbusmaster.helper.slots.state import Last, State, linked, load
from mbusweb.texts import mark

NO_NAME: Final = mark("It was not said which file to install.")
RESTART_SECONDS: Final = 10.0
"""For the gateway to end before the machine restarts into another image."""
AGAIN_SECONDS: Final = 20.0
"""After which a step that takes long is told again: the gateway gives up a helper that is silent for two minutes."""

Result = TypeVar("Result")


def deeds(
    places: Places, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), system: Path = rauc.SYSTEM
) -> Mapping[str, Deed]:
    """Give the verbs of releases.

    :param now: gives the moment by which signatures expire.
    :param system: settings of RAUC: where they are, releases are images of the whole system.
    """
    return _images(places, now) if system.is_file() else _slots(places, now)


def _slots(places: Places, now: Callable[[], datetime]) -> Mapping[str, Deed]:
    async def install(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        file, from_server = _file(arguments)
        installer = Installer(places, now=now)
        description, slot = await told(
            lambda note: installer.install(file, from_server=from_server, tell=note), tell
        )
        return {"release": description.release, "version": description.version, "slot": slot}

    async def keep(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        await asyncio.to_thread(confirm, places)
        return {}

    async def state(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        found = load(places.root)
        # What was installed and not started yet does not run, nor does what could not be counted.
        runs = not found.is_fresh and linked(places.root) == found.current
        current = found.trial.previous if found.trial and not runs else found.current
        return _facts(places, current, on_trial=found.trial is not None and runs, state=found)

    return {"slots.install": install, "slots.confirm": keep, "slots.state": state}


def _images(places: Places, now: Callable[[], datetime]) -> Mapping[str, Deed]:
    images = rauc.Images(places, now=now)

    async def install(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        file, from_server = _file(arguments)
        description = await told(lambda note: images.install(file, from_server=from_server, tell=note), tell)
        timer = threading.Timer(RESTART_SECONDS, images.restart)
        timer.daemon = True
        timer.start()
        return {"release": description.release, "version": description.version, "slot": "image"}

    async def keep(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        await asyncio.to_thread(images.confirm)
        return {}

    async def state(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        found = await asyncio.to_thread(images.state)
        return _facts(places, PACKAGE, on_trial=images.is_on_trial(found), state=found)

    return {"slots.install": install, "slots.confirm": keep, "slots.state": state}


def _file(arguments: Mapping[str, Any]) -> tuple[str, bool]:
    file = arguments.get("file")
    if not isinstance(file, str):
        raise RefusedError(NO_NAME)
    return file, arguments.get("from_server") is True


async def told(work: Callable[[Told], Result], tell: Tell, seconds: float = AGAIN_SECONDS) -> Result:
    """Do work that blocks, in a thread; tell how far it is, and the same again while it is long at one step.

    :param work: takes what it calls with step, percent and release.
    """
    loop = asyncio.get_running_loop()
    last: dict[str, Any] = {}

    def note(step: str, percent: int, release: int) -> None:
        last.update(step=step, percent=percent, release=release)
        loop.call_soon_threadsafe(tell, dict(last))

    task = asyncio.create_task(asyncio.to_thread(work, note))
    while not (await asyncio.wait({task}, timeout=seconds))[0]:
        tell(dict(last))
    return await task


def _facts(places: Places, current: str, *, on_trial: bool, state: State) -> dict[str, Any]:
    release, version = places.release(current)
    return {
        "current": current,
        "release": release,
        "version": version,
        "trial": on_trial,
        "last": _last(state.last) if state.last else None,
    }


def _last(last: Last) -> dict[str, Any]:
    return {
        "release": last.release,
        "outcome": last.outcome,
        "why": last.why,
        "values": dict(last.values) if last.why else {},
    }
