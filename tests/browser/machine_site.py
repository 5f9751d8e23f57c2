"""A gateway for pictures of the pages that set network, clock and releases: the helper behind them is played or in a folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.settings.schema import WebSettings
from mbusmaster.system.clock import ClockBelief, ClockChange, ClockQuality, TimeState, TimeStatus
from mbusmaster.system.network import EthernetState
from mbusmaster.system.network_change import NO_HELPER, NetworkChanger
from mbusmaster.web.app import create_app
from mbusmaster.web.server import WebServer
from support.browser import Site
from support.network import PlayedNetwork, played_network
from support.releases import ReleaseMaker
from support.settled import settled
from support.slots import Machine
from support.updates import updating
from support.web import NOW, Parts

USER, PASSWORD = "anna", "a long passphrase"


class _Network:
    """An Ethernet connection that is well."""

    def interface(self) -> str:
        return "eth0"

    def state(self) -> EthernetState:
        return EthernetState(
            "eth0",
            "02:00:5e:10:00:01",
            True,
            (IPv4Interface("192.168.1.20/24"),),
            IPv4Address("192.168.1.1"),
            dns=(IPv4Address("192.168.1.1"),),
        )


class _Clock:
    """A clock that follows its server, and can be set."""

    state = TimeState(TimeStatus.AUTHENTICATED, "nts.ready.kamstrup.com", 0.0021)
    belief = ClockBelief(ClockQuality.SYNCHRONISED, NOW)
    unavailable = ""

    async def set(self, moment: object) -> ClockChange:
        raise NotImplementedError("nobody sets the clock for a picture")


@asynccontextmanager
async def machine_site(folder: Path) -> AsyncIterator[Site]:
    """Run it: release 42 was installed from a file, 41 is what a file that was refused holds."""
    maker = ReleaseMaker(folder / "maker")
    files = {number: maker.good(number) for number in (41, 42)}
    machine = Machine(folder / "machine", maker.root, package=40)
    machine.install(files[42])
    parts = Parts(folder)
    await parts.access.add_user(USER, PASSWORD)
    clock = _Clock()
    (folder / "network").mkdir()
    async with (
        played_network(folder / "network", PlayedNetwork()) as helper,
        updating(folder, maker, machine) as updates,
    ):
        updates.audit = lambda what, outcome: parts.access.audit.record(
            AuditKind.FIRMWARE, who="", source="", detail=what, outcome=outcome
        )
        await updates.recorded.wait()
        changer = NetworkChanger(helper, monotonic=asyncio.get_running_loop().time)
        running = asyncio.ensure_future(changer.run())
        await settled(lambda: changer.unavailable.template != NO_HELPER)
        await updates.send(files[41])
        await updates.ended()
        services = parts.services(
            network=_Network(), network_applier=changer, time=clock, clock=clock, update=updates.service
        )
        web = WebSettings.model_validate({"setup_interface": "none0", "port": 0})
        server = WebServer(create_app(services), web)
        await server.start()
        try:
            yield Site(server.urls[0].rstrip("/"), USER, PASSWORD)
        finally:
            await server.stop()
            running.cancel()
            await asyncio.wait({running})
    parts.close()
