"""New addresses through the API: on trial, kept, taken back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mbusmaster.system.network_change import NO_HELPER, NetworkChanger, TrialPhase
from support.api import ApiClient, api_client
from support.network import PlayedNetwork, played_network
from support.settled import settled

TRIAL = "/network/trial"
NEW = {"dhcp": False, "address": "192.0.2.10", "netmask": "255.255.255.0", "gateway": "192.0.2.1"}


@asynccontextmanager
async def api(folder: Path, network: PlayedNetwork) -> AsyncIterator[tuple[ApiClient, NetworkChanger]]:
    async with played_network(folder, network) as helper:
        changer = NetworkChanger(helper, monotonic=asyncio.get_running_loop().time)
        running = asyncio.ensure_future(changer.run())
        await settled(lambda: str(changer.unavailable) != NO_HELPER)
        async with api_client(folder, interface="setup", network_applier=changer) as client:
            yield client, changer
        running.cancel()
        await asyncio.wait({running})


async def begin(client: ApiClient, changer: NetworkChanger) -> None:
    answer = await client.ask("POST", TRIAL, json=NEW)
    assert (answer.status_code, answer.json()["phase"]) == (202, "applying")
    await settled(lambda: changer.change.phase is not TrialPhase.APPLYING)


async def test_addresses_are_tried_and_kept(tmp_path: Path) -> None:
    async with api(tmp_path, PlayedNetwork()) as (client, changer):
        await begin(client, changer)
        change = (await client.get("/network"))["change"]
        assert (change["phase"], 0 < change["seconds_left"] <= 60) == ("trial", True)
        assert (await client.ask("POST", f"{TRIAL}/keep")).json()["phase"] == "kept"
        assert str(client.services.settings.stored.ethernet.address) == "192.0.2.10"
        assert (await client.ask("POST", f"{TRIAL}/keep")).status_code == 409


async def test_addresses_are_taken_back(tmp_path: Path) -> None:
    async with api(tmp_path, PlayedNetwork()) as (client, changer):
        await begin(client, changer)
        assert (await client.ask("DELETE", TRIAL)).json()["phase"] == "taken back"
        assert (await client.ask("DELETE", TRIAL)).status_code == 409


async def test_addresses_that_cannot_be_are_named_by_field(tmp_path: Path) -> None:
    network = PlayedNetwork()
    async with api(tmp_path, network) as (client, _):
        answer = await client.ask("POST", TRIAL, json={**NEW, "gateway": "198.51.100.1"})
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["errors"]] == ["ethernet.gateway"]
        assert network.asked == []


async def test_a_refusal_of_the_system_is_told(tmp_path: Path) -> None:
    async with api(tmp_path, PlayedNetwork(refusal="%(address)s is in use")) as (client, changer):
        await begin(client, changer)
        change = (await client.get("/network"))["change"]
        assert (change["phase"], change["reason"]) == ("refused", "192.0.2.10 is in use")


async def test_without_a_helper_nothing_is_tried(tmp_path: Path) -> None:
    async with api_client(tmp_path) as client:
        answer = await client.ask("POST", TRIAL, json=NEW)
        assert answer.status_code == 501
        assert "does not set the network" in answer.text
