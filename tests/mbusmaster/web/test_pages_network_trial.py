"""New addresses on the Ethernet page: on trial, kept from where that proves something, taken back."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mbusmaster.system.network_change import NO_HELPER, NetworkChanger, TrialPhase
from support.network import PlayedNetwork, played_network
from support.settled import settled
from support.web import WebClient, web_client

NEW = {
    "ethernet.dhcp": "false",
    "ethernet.address": "192.0.2.10",
    "ethernet.netmask": "255.255.255.0",
    "ethernet.gateway": "192.0.2.1",
}
ETHERNET = "/configuration/ethernet"


@asynccontextmanager
async def pages(
    folder: Path, network: PlayedNetwork, interface: str = "setup", base_url: str = "http://10.0.0.1"
) -> AsyncIterator[tuple[WebClient, NetworkChanger]]:
    async with played_network(folder, network) as helper:
        changer = NetworkChanger(helper, monotonic=asyncio.get_running_loop().time)
        running = asyncio.ensure_future(changer.run())
        await settled(lambda: changer.unavailable.template != NO_HELPER)
        async with web_client(
            folder, interface=interface, base_url=base_url, network_applier=changer
        ) as client:
            await client.log_in()
            await client.show(ETHERNET)
            yield client, changer
        running.cancel()
        await asyncio.wait({running})


async def in_phase(changer: NetworkChanger, phase: TrialPhase) -> None:
    await settled(lambda: changer.change.phase is phase)


async def test_saved_addresses_are_on_trial_and_stored_only_when_kept(tmp_path: Path) -> None:
    async with pages(tmp_path, PlayedNetwork()) as (client, changer):
        answer = await client.submit(ETHERNET, NEW)
        assert answer.status_code == 200
        await in_phase(changer, TrialPhase.TRIAL)
        part = await client.get(f"{ETHERNET}/trial")
        assert re.search(r"on trial for [1-6]\d more seconds", part.text)
        assert "You are on the setup network" in part.text
        assert client.services.settings.stored.ethernet.address is None
        answer = await client.submit(f"{ETHERNET}/keep")
        assert "The new addresses are kept." in answer.text
        assert str(client.services.settings.stored.ethernet.address) == "192.0.2.10"
        assert client.services.settings.pending() == ()
        entries = client.services.audit.entries(kind="network")
        assert [entry.detail.partition(" ")[0] for entry in entries] == ["kept", "trial"]


async def test_the_name_of_the_master_is_saved_without_any_trial(tmp_path: Path) -> None:
    network = PlayedNetwork()
    async with pages(tmp_path, network) as (client, changer):
        await client.submit(ETHERNET, {"ethernet.dhcp": "true", "device.name": "Skolegade 7"})
        assert client.services.settings.stored.device.name == "Skolegade 7"
        assert changer.change.phase is TrialPhase.NONE
        assert network.asked == []


async def test_name_and_addresses_together_save_the_one_and_try_the_other(tmp_path: Path) -> None:
    async with pages(tmp_path, PlayedNetwork()) as (client, changer):
        await client.submit(ETHERNET, {**NEW, "device.name": "Skolegade 7"})
        await in_phase(changer, TrialPhase.TRIAL)
        assert client.services.settings.stored.device.name == "Skolegade 7"
        assert client.services.settings.stored.ethernet.dhcp


async def test_a_refusal_is_shown_with_what_was_typed(tmp_path: Path) -> None:
    async with pages(tmp_path, PlayedNetwork(refusal="%(address)s is in use")) as (client, changer):
        await client.submit(ETHERNET, NEW)
        await in_phase(changer, TrialPhase.REFUSED)
        answer = await client.show(ETHERNET)
        assert "The addresses were not changed. 192.0.2.10 is in use" in answer.text
        assert 'value="192.0.2.10"' in answer.text
        assert client.services.settings.stored.ethernet.address is None


async def test_from_the_lan_addresses_are_kept_only_over_the_new_one(tmp_path: Path) -> None:
    network = PlayedNetwork()
    old, new = "https://192.0.2.9", "https://192.0.2.10"
    async with pages(tmp_path, network, "lan", old) as (client, changer):
        await client.submit(ETHERNET, NEW)
        await in_phase(changer, TrialPhase.TRIAL)
        part = await client.get(f"{ETHERNET}/trial")
        assert "Keep the new addresses" not in part.text
        answer = await client.submit(f"{ETHERNET}/keep")
        assert "Keep them from the new address" in answer.text
        assert changer.change.phase is TrialPhase.TRIAL
        client.base_url = new
        client.cookies.clear()
        await client.log_in()
        answer = await client.show(ETHERNET)
        assert "Keep the new addresses" in answer.text
        await client.submit(f"{ETHERNET}/keep")
        await in_phase(changer, TrialPhase.KEPT)


async def test_the_old_addresses_are_taken_back_by_a_button(tmp_path: Path) -> None:
    async with pages(tmp_path, PlayedNetwork()) as (client, changer):
        await client.submit(ETHERNET, NEW)
        await in_phase(changer, TrialPhase.TRIAL)
        answer = await client.submit(f"{ETHERNET}/back")
        assert "The old addresses are back." in answer.text
        assert changer.change.phase is TrialPhase.TAKEN_BACK
        answer = await client.submit(f"{ETHERNET}/keep")
        assert "No addresses are on trial any more" in answer.text


async def test_warnings_of_a_trial_are_shown(tmp_path: Path) -> None:
    network = PlayedNetwork(warnings=[["The gateway %(gateway)s does not answer.", {"gateway": "192.0.2.1"}]])
    async with pages(tmp_path, network) as (client, changer):
        await client.submit(ETHERNET, NEW)
        await in_phase(changer, TrialPhase.TRIAL)
        assert "The gateway 192.0.2.1 does not answer." in (await client.get(f"{ETHERNET}/trial")).text


@pytest.mark.parametrize("deed", ["keep", "back"])
async def test_a_stranger_ends_no_trial(tmp_path: Path, deed: str) -> None:
    async with pages(tmp_path, PlayedNetwork()) as (client, changer):
        await client.submit(ETHERNET, NEW)
        await in_phase(changer, TrialPhase.TRIAL)
        client.cookies.clear()
        await client.submit(f"{ETHERNET}/{deed}")
        assert changer.change.phase is TrialPhase.TRIAL
