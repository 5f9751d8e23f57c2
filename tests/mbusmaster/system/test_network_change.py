"""The gateway's view of new addresses: what the helper was asked, and how each trial ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperGoneError
from mbusmaster.settings.schema import EthernetSettings
from mbusmaster.system.network_change import (
    NO_HELPER,
    NO_MANAGER,
    UNDER_WAY,
    NetworkChange,
    NetworkChanger,
    NoNetworkApplier,
    TrialError,
    TrialPhase,
)
from mbusmaster.system.unavailable import NotAvailableError
from mbusweb.texts import Text
from support.network import PlayedNetwork, played_network
from support.settled import settled

STATIC = EthernetSettings(
    dhcp=False,
    address=IPv4Address("192.0.2.10"),
    netmask=IPv4Address("255.255.255.0"),
    gateway=IPv4Address("192.0.2.1"),
)


@dataclass
class Bench:
    """A changer, and how changes ended."""

    network: PlayedNetwork
    changer: NetworkChanger
    ended: "asyncio.Queue[NetworkChange]"

    async def in_phase(self, phase: TrialPhase) -> NetworkChange:
        await settled(lambda: self.changer.change.phase is phase)
        return self.changer.change


@asynccontextmanager
async def bench(folder: Path, network: PlayedNetwork) -> AsyncIterator[Bench]:
    ended: asyncio.Queue[NetworkChange] = asyncio.Queue()
    async with played_network(folder, network) as helper:
        changer = NetworkChanger(
            helper, monotonic=lambda: 100.0, on_end=ended.put_nowait, grace=0.01, first_look=0.01
        )
        running = asyncio.ensure_future(changer.run())
        try:
            await settled(lambda: changer.unavailable.template != NO_HELPER)
            yield Bench(network, changer, ended)
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_addresses_are_on_trial_and_kept(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork()) as one:
        one.changer.begin(STATIC, "eth0")
        assert one.changer.change.phase is TrialPhase.APPLYING
        trial = await one.in_phase(TrialPhase.TRIAL)
        assert (trial.interface, trial.wanted) == ("eth0", STATIC)
        assert one.changer.seconds_left == 60
        assert await one.changer.keep() == STATIC
        assert (await one.ended.get()).phase is TrialPhase.KEPT
        (_, tried), (_, kept) = one.network.asked
        assert tried == {
            "interface": "eth0",
            "dhcp": False,
            "address": "192.0.2.10",
            "netmask": "255.255.255.0",
            "gateway": "192.0.2.1",
            "dns1": None,
            "dns2": None,
            "seconds": 60,
        }
        assert kept == {"id": trial.id}


async def test_the_interface_of_the_settings_counts_before_the_one_that_is_found(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork()) as one:
        one.changer.begin(STATIC.model_copy(update={"interface": "lan7"}), "eth0")
        assert (await one.in_phase(TrialPhase.TRIAL)).interface == "lan7"


async def test_a_refusal_is_told_with_its_values_and_another_try_is_free(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork(refusal="%(address)s is taken")) as one:
        one.changer.begin(STATIC, "eth0")
        refused = await one.in_phase(TrialPhase.REFUSED)
        assert (refused.reason.template, refused.reason.values) == (
            "%(address)s is taken",
            {"address": "192.0.2.10"},
        )
        one.network.refusal = ""
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)


async def test_there_is_one_trial_at_a_time(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork()) as one:
        one.changer.begin(STATIC, "eth0")
        with pytest.raises(TrialError, match=UNDER_WAY):
            one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
        with pytest.raises(TrialError, match=UNDER_WAY):
            one.changer.begin(STATIC, "eth0")


async def test_somebody_may_take_the_old_addresses_back_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork()) as one:
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
        await one.changer.take_back()
        assert one.changer.change.phase is TrialPhase.TAKEN_BACK
        assert not one.changer.change.reason
        with pytest.raises(TrialError):
            await one.changer.keep()


async def test_a_trial_that_nobody_kept_is_over_when_the_helper_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork(seconds=0)) as one:
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
        one.network.ends()
        change = await asyncio.wait_for(one.ended.get(), 10)
        assert change.phase is TrialPhase.TAKEN_BACK
        assert "Nobody kept" in str(change.reason)


async def test_a_trial_that_was_kept_though_the_helper_broke_off_is_told_as_kept(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork(seconds=0)) as one:
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
        one.network.ends(outcome="kept")
        change = await asyncio.wait_for(one.ended.get(), 10)
        assert (change.phase, change.wanted, str(change.reason)) == (TrialPhase.KEPT, STATIC, "")


async def test_a_gateway_that_starts_within_a_trial_goes_on_with_it(tmp_path: Path) -> None:
    network = PlayedNetwork()
    async with bench(tmp_path, network) as one:
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
    (tmp_path / "helper").unlink()
    async with bench(tmp_path, network) as again:
        trial = await again.in_phase(TrialPhase.TRIAL)
        assert trial.wanted is not None
        assert trial.wanted.address == STATIC.address
        await again.changer.keep()


async def test_without_a_manager_of_the_network_nothing_can_be_changed(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork(manager="")) as one:
        assert one.changer.unavailable == Text(NO_MANAGER)
        with pytest.raises(NotAvailableError, match="neither NetworkManager"):
            one.changer.begin(STATIC, "eth0")
        assert one.network.asked == []


async def test_why_nothing_can_be_changed_is_the_helpers_to_say(tmp_path: Path) -> None:
    why = "%(manager)s does not manage %(interface)s"
    network = PlayedNetwork(manager="", why=(why, {"manager": "NetworkManager", "interface": "eth0"}))
    async with bench(tmp_path, network) as one:
        assert str(one.changer.unavailable) == "NetworkManager does not manage eth0"


async def test_a_manager_that_comes_late_is_found(tmp_path: Path) -> None:
    network = PlayedNetwork(manager="")
    async with bench(tmp_path, network) as one:
        assert one.changer.unavailable == Text(NO_MANAGER)
        network.manager = "NetworkManager"
        await settled(lambda: not one.changer.unavailable)
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)


async def test_a_helper_that_answers_late_is_found(tmp_path: Path) -> None:
    changer = NetworkChanger(Helper(tmp_path / "helper"), monotonic=lambda: 0.0, first_look=0.01)
    running = asyncio.ensure_future(changer.run())
    try:
        await settled(lambda: changer.unavailable == Text(NO_HELPER))
        async with played_network(tmp_path, PlayedNetwork()):
            await settled(lambda: not changer.unavailable)
    finally:
        running.cancel()
        await asyncio.wait({running})


async def test_without_a_helper_nothing_can_be_changed(tmp_path: Path) -> None:
    changer = NetworkChanger(Helper(tmp_path / "nobody"), monotonic=lambda: 0.0)
    for applier in (changer, NoNetworkApplier()):
        assert applier.unavailable == Text(NO_HELPER)
        with pytest.raises(NotAvailableError, match="does not set the network"):
            applier.begin(STATIC, "eth0")
        with pytest.raises(TrialError):
            await applier.take_back()


async def test_a_helper_that_is_gone_when_it_should_keep_leaves_the_trial_to_its_end(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork()) as one:
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
        (tmp_path / "helper").unlink()
        with pytest.raises(HelperGoneError):
            await one.changer.keep()
        assert one.changer.change.phase is TrialPhase.TRIAL


async def test_what_a_helper_kept_before_it_broke_off_is_given_as_kept(tmp_path: Path) -> None:
    async with bench(tmp_path, PlayedNetwork(breaks_off=True)) as one:
        one.changer.begin(STATIC, "eth0")
        await one.in_phase(TrialPhase.TRIAL)
        assert await one.changer.keep() == STATIC
        assert one.changer.change.phase is TrialPhase.KEPT
