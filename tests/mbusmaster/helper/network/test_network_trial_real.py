"""Trials of addresses with NetworkManager, systemd-networkd and a DHCP server, each the real program."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import RefusedError
from mbusmaster.helper.network import phrases
from support.needs import PROJECT
from support.networks import SECOND_DNS, SERVER, Lan, Machine, Manager, lan, network_manager, networkd, stop

pytestmark = [pytest.mark.peers, pytest.mark.process]

NETWORK_MANAGER = "NetworkManager"
NETWORKD = "systemd-networkd"
OLD = "10.88.0.7/24"
NEW = "10.88.0.21/24"
LEASE = "10.88.0.100/24"

PROFILE = """\
[connection]
id=own
uuid=0b3ac4a6-2e1f-4c5c-9c58-3f1d6a1f9a01
type=ethernet
interface-name=eth0

[ipv4]
method=manual
address1=10.88.0.7/24,10.88.0.1

[ipv6]
method=disabled
"""
NETWORK_FILE = "[Match]\nName=eth0\n[Network]\nAddress=10.88.0.7/24\nGateway=10.88.0.1\n"

STATIC = {
    "interface": "eth0",
    "dhcp": False,
    "address": "10.88.0.21",
    "netmask": "255.255.255.0",
    "gateway": SERVER,
    "dns1": SERVER,
    "dns2": SECOND_DNS,
    "seconds": 60,
}
DHCP = {"interface": "eth0", "dhcp": True, "seconds": 60}
UP_TO_THE_TEST = {"seconds": 0.5}


@contextmanager
def helper_in(machine: Machine, path: Path) -> Iterator[tuple[Helper, subprocess.Popen[bytes]]]:
    """Run the network part of the helper in a machine."""
    script = PROJECT / "tests" / "support" / "network_helper.py"
    process = subprocess.Popen(
        machine.command(sys.executable, "-W", "error", script, path), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield Helper(path), process
    finally:
        stop(process)
        process.stdout.close()


@dataclass
class Site:
    """A machine whose addresses are set by a manager, its old address in force."""

    lan: Lan
    manager: Manager
    socket: Path
    name: str

    @property
    def machine(self) -> Machine:
        return self.lan.machine

    @contextmanager
    def helper(self) -> Iterator[tuple[Helper, subprocess.Popen[bytes]]]:
        with helper_in(self.machine, self.socket) as running:
            yield running

    def kept_files(self) -> dict[str, str]:
        """Give what stands on disk for the next boot, by the name of the file."""
        folder = {NETWORK_MANAGER: "/etc/NetworkManager/system-connections", NETWORKD: "/etc/systemd/network"}
        return {path.name: path.read_text() for path in self.machine.path(folder[self.name]).iterdir()}


@asynccontextmanager
async def site_of(name: str, folder: Path) -> AsyncIterator[Site]:
    with lan() as net:
        machine = net.machine
        is_first = name == NETWORK_MANAGER
        running = network_manager(machine, PROFILE) if is_first else networkd(machine, NETWORK_FILE)
        async with running as manager:
            await net.machine.until_address(OLD)
            yield Site(net, manager, folder / "helper", name)


@pytest.fixture(params=[NETWORK_MANAGER, NETWORKD])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(request.param, tmp_path) as site:
        yield site


def refusal() -> pytest.RaisesExc[RefusedError]:
    return pytest.raises(RefusedError)


async def last_of(helper: Helper) -> Any:
    return (await helper.do("network.state"))["last"]


async def test_static_addresses_are_tried_kept_and_there_after_a_boot(site: Site) -> None:
    before = site.kept_files()
    with site.helper() as (helper, _):
        state = await helper.do("network.state")
        assert (state["manager"], state["trial"], state["last"], state["clash"]) == (
            site.name,
            None,
            None,
            False,
        )
        tried = await helper.do("network.try", STATIC)
        assert (tried["address"], tried["netmask"]) == ("10.88.0.21", "255.255.255.0")
        assert (tried["gateway"], tried["dns"]) == (SERVER, [SERVER, SECOND_DNS])
        assert (site.machine.addresses(), site.machine.gateway()) == ([NEW], SERVER)
        assert site.kept_files() == before, "a trial must not outlive a power cut"
        await helper.do("network.keep", {"id": tried["id"]})
        assert site.machine.addresses() == [NEW]
        assert await last_of(helper) == {"id": tried["id"], "outcome": "kept", "why": "", "values": {}}
        await helper.do("network.back")
    kept = site.kept_files()
    assert before.items() <= kept.items()
    assert len(kept) == len(before) + 1
    assert site.machine.name_servers() == [SERVER, SECOND_DNS]
    site.manager.stop()
    site.machine.run(
        "bash", "-c", "rm -rf /run/NetworkManager /run/systemd/network/*; ip address flush dev eth0"
    )
    await site.manager.start()
    await site.machine.until_address(NEW)


async def test_addresses_of_a_dhcp_server_are_tried_and_taken_back(site: Site) -> None:
    before = site.kept_files()
    with site.lan.dhcp(), site.helper() as (helper, _):
        tried = await helper.do("network.try", DHCP)
        assert (tried["address"], tried["gateway"], tried["dns"]) == (
            "10.88.0.100",
            SERVER,
            [SERVER, SECOND_DNS],
        )
        assert site.machine.addresses() == [LEASE]
        assert phrases.GATEWAY_SILENT not in [template for template, _ in tried["warnings"]]
        await helper.do("network.back")
        await site.machine.until_address(OLD)
        last = await last_of(helper)
    assert (last["outcome"], last["why"]) == ("rolled back", phrases.TAKEN_BACK)
    assert site.kept_files() == before


async def test_what_is_kept_later_replaces_what_was_kept_and_comes_back_after_a_trial(site: Site) -> None:
    before = site.kept_files()
    with site.helper() as (helper, _):
        for address in ("10.88.0.21", "10.88.0.22"):
            tried = await helper.do("network.try", STATIC | {"address": address})
            await helper.do("network.keep", {"id": tried["id"]})
        kept = site.kept_files()
        await helper.do("network.try", STATIC | {"address": "10.88.0.23"})
        await helper.do("network.back")
        await site.machine.until_address("10.88.0.22/24")
    assert site.kept_files() == kept
    assert len(kept) == len(before) + 1
    assert before.items() <= kept.items()


async def test_what_nobody_confirms_goes_back_by_itself(site: Site) -> None:
    with site.helper() as (helper, _):
        tried = await helper.do("network.try", STATIC | UP_TO_THE_TEST)
        await site.machine.until_address(OLD)
        await helper.do("network.back")
        assert (await last_of(helper))["outcome"] == "rolled back"
        with refusal() as caught:
            await helper.do("network.keep", {"id": tried["id"]})
    assert caught.value.text.template == phrases.NO_SUCH_TRIAL
    assert site.machine.gateway() == SERVER


async def test_only_one_trial_runs_at_a_time(site: Site) -> None:
    with site.helper() as (helper, _):
        await helper.do("network.try", STATIC)
        with refusal() as caught:
            await helper.do("network.try", STATIC | {"address": "10.88.0.22"})
        assert caught.value.text.template == phrases.RUNS_ALREADY
    await site.machine.until_address(OLD)


async def test_an_address_that_another_device_has_is_refused_before_anything_changes(site: Site) -> None:
    site.lan.router.run("ip", "address", "add", "10.88.0.21/32", "dev", "lan0")
    with site.helper() as (helper, _):
        with refusal() as caught:
            await helper.do("network.try", STATIC)
        assert (await helper.do("network.state"))["last"] is None
    assert caught.value.text.template == phrases.TAKEN
    assert caught.value.text.values == {"address": "10.88.0.21", "mac": site.lan.mac()}
    assert site.machine.addresses() == [OLD]


async def test_a_gateway_that_does_not_answer_is_a_warning(site: Site) -> None:
    with site.helper() as (helper, _):
        tried = await helper.do("network.try", STATIC | {"gateway": "10.88.0.2", "dns1": None, "dns2": None})
    assert tried["warnings"] == [[phrases.GATEWAY_SILENT, {"gateway": "10.88.0.2"}]]


async def test_without_a_dhcp_server_what_was_before_is_in_force_again(site: Site) -> None:
    with site.helper() as (helper, _):
        with refusal() as caught:
            await helper.do("network.try", DHCP)
        last = await last_of(helper)
    await site.machine.until_address(OLD)
    assert caught.value.text.template == phrases.NO_DHCP
    assert (last["outcome"], last["why"]) == ("rolled back", phrases.NO_DHCP)


async def test_a_lease_in_the_setup_network_is_refused(site: Site) -> None:
    site.lan.router.run("ip", "address", "add", "10.0.0.1/24", "dev", "lan0")
    with site.lan.dhcp("10.0.0", "10.0.0.1"), site.helper() as (helper, _), refusal() as caught:
        await helper.do("network.try", DHCP)
    await site.machine.until_address(OLD)
    assert caught.value.text.template == phrases.LEASE_IN_SETUP


async def test_without_a_cable_nothing_is_changed(site: Site) -> None:
    site.lan.plug_out()
    with site.helper() as (helper, _), refusal() as caught:
        await helper.do("network.try", STATIC)
    assert caught.value.text.template == phrases.NO_CABLE


async def test_a_helper_that_was_killed_takes_the_trial_back_at_its_deadline(site: Site) -> None:
    with site.helper() as (helper, process):
        tried = await helper.do("network.try", STATIC | {"seconds": 2})
        stop(process, signal.SIGKILL)
    assert site.machine.addresses() == [NEW]
    with site.helper() as (helper, _):
        assert (await helper.do("network.state"))["trial"]["id"] == tried["id"]
        await site.machine.until_address(OLD)
        await helper.do("network.back")
        assert (await last_of(helper))["id"] == tried["id"]


async def test_a_helper_that_starts_after_the_deadline_takes_the_trial_back_at_once(site: Site) -> None:
    with site.helper() as (helper, process):
        await helper.do("network.try", STATIC | UP_TO_THE_TEST)
        stop(process, signal.SIGKILL)
    with site.helper():
        await site.machine.until_address(OLD)


async def test_a_manager_that_is_gone_is_unsupported_and_one_that_comes_back_gets_the_old_addresses(
    site: Site,
) -> None:
    with site.helper() as (helper, _):
        await helper.do("network.try", STATIC)
        site.manager.kill()
        with refusal() as caught:
            await helper.do("network.back")
        assert caught.value.text.template == phrases.MANAGER_GONE
        state = await helper.do("network.state")
        assert (state["manager"], state["trial"]["seconds_left"] >= 0) == ("", True)
        await site.manager.start()
        await helper.do("network.back")
        await site.machine.until_address(OLD)
        assert (await last_of(helper))["outcome"] == "rolled back"


async def test_where_no_manager_runs_nothing_is_changed(tmp_path: Path) -> None:
    with lan() as net, helper_in(net.machine, tmp_path / "helper") as (helper, _):
        net.machine.run("ip", "address", "add", "10.0.0.9/24", "dev", "eth0")
        state = await helper.do("network.state", {"interface": "eth0"})
        assert (state["manager"], state["why"], state["clash"]) == ("", phrases.UNSUPPORTED, True)
        with refusal() as caught:
            await helper.do("network.try", STATIC)
        assert caught.value.text.template == phrases.UNSUPPORTED
        assert net.machine.addresses() == ["10.0.0.9/24"]


async def test_an_interface_that_the_manager_leaves_alone_is_left_alone(tmp_path: Path) -> None:
    with lan() as net, contextlib.ExitStack() as stack:
        async with networkd(net.machine):
            helper, _ = stack.enter_context(helper_in(net.machine, tmp_path / "helper"))
            with refusal() as caught:
                await helper.do("network.try", STATIC)
        stack.close()
    assert caught.value.text.template == phrases.UNMANAGED
