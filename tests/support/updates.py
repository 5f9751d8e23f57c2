"""A gateway's updater in front of a real helper with real slots, all in a folder of a test."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mbusmaster.helper.client import Helper
from mbusmaster.helper.server import Deed, HelperServer, Tell
from mbusmaster.helper.slots.deeds import deeds
from mbusmaster.helper.slots.install import Installer
from mbusmaster.settings.schema import FirmwareSettings
from mbusmaster.system.automatic_update import AutomaticUpdate
from mbusmaster.system.update import UpdateStatus
from mbusmaster.system.update_server import UpdateServer
from mbusmaster.system.update_slots import SlotUpdates
from mbusmaster.system.update_source import NOBODY
from mbusmaster.system.update_spool import Spool
from mbusmaster.system.update_trial import Trial
from support.releases import ReleaseMaker
from support.slots import Machine, quick_run

NOWHERE = Path("/nonexistent")


class Updating:
    """One start of a gateway.

    :ivar updates: installs.
    :ivar service: what pages and the API use.
    :ivar settings: in force; `head_end` is asked where they name no server.
    :ivar facts: what works now.
    :ivar restarts: why the gateway wanted to restart.
    :ivar records: what went into the audit log: what, and the outcome.
    :ivar audit: writes it there.
    """

    def __init__(self, folder: Path, machine: Machine, helper: Helper, *, patience: float = 60.0) -> None:
        self.machine = machine
        self.facts = {"pages": True, "bus main": True}
        self.restarts: list[str] = []
        self.restarted = asyncio.Event()
        self.records: list[tuple[str, str]] = []
        self.recorded = asyncio.Event()
        self.audit: Callable[[str, str], None] = lambda what, outcome: None
        self.spool = Spool(machine.places.spool)
        trial = Trial(
            helper,
            folder / "before.json",
            lambda: self.facts,
            self._restart,
            seconds=0,
            patience=patience,
            look=0.01,
        )
        self.updates = SlotUpdates(
            helper, self.spool, trial, restart=self._restart, record=self._record, restart_seconds=0
        )
        self.settings = FirmwareSettings()
        self.head_end = NOBODY
        self.service = AutomaticUpdate(
            self.updates,
            UpdateServer(folder / "store", folder / "fetched", machine.places.trust),
            settings=lambda: self.settings,
            serial_number="SN12345",
            clock=lambda: datetime.now(UTC),
            is_quiet=lambda: True,
            head_end=lambda: self.head_end,
        )

    async def send(self, path: Path) -> None:
        await self.updates.install(path.name, pieces(path), os.path.getsize(path))  # noqa: ASYNC240

    async def ended(self) -> UpdateStatus:
        """Wait until what was sent is installed or refused; give how."""
        await self.recorded.wait()
        self.recorded.clear()
        return self.updates.state.status

    def _restart(self, why: str) -> None:
        self.restarts.append(why)
        self.restarted.set()

    def _record(self, what: str, outcome: str) -> None:
        self.records.append((what, outcome))
        self.audit(what, outcome)
        self.recorded.set()


async def pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(64 << 10):
            yield piece


@asynccontextmanager
async def helper_of(
    folder: Path, machine: Machine, now: datetime, *, real: bool = False
) -> AsyncIterator[Helper]:
    """Serve the verbs of releases.

    :param real: installs with the system's own programs, which takes seconds.
    """
    table: dict[str, Deed] = dict(deeds(machine.places, now=lambda: now, system=NOWHERE))
    if not real:
        table["slots.install"] = _quick(machine, now)
    path = folder / "helper"
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    async with await HelperServer(table, [os.getuid()]).start(sock):
        yield Helper(path)


@asynccontextmanager
async def updating(
    folder: Path,
    maker: ReleaseMaker,
    machine: Machine | None = None,
    *,
    real: bool = False,
    patience: float = 60.0,
) -> AsyncIterator[Updating]:
    """Start a gateway until the block ends.

    :param machine: of an earlier start.
    """
    machine = machine or Machine(folder / "machine", maker.root)
    machine.start()
    async with helper_of(folder, machine, maker.now, real=real) as helper:
        gateway = Updating(folder, machine, helper, patience=patience)
        await gateway.updates.look()
        task = asyncio.create_task(gateway.service.run())
        try:
            yield gateway
        finally:
            task.cancel()
            await asyncio.wait([task])


def _quick(machine: Machine, now: datetime) -> Deed:
    async def install(arguments: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()

        def told(step: str, percent: int, release: int) -> None:
            loop.call_soon_threadsafe(tell, {"step": step, "percent": percent, "release": release})

        installer = Installer(machine.places, now=lambda: now, run=quick_run)
        description, slot = await asyncio.to_thread(
            installer.install, arguments["file"], from_server=arguments["from_server"], tell=told
        )
        return {"release": description.release, "version": description.version, "slot": slot}

    return install
