from pathlib import Path

import pytest

from mbusmaster.settings import Settings
from mbusmaster.settings.sections.network import EthernetSettings
from support.web import web_client

BY_HAND = {
    "ethernet.dhcp": "false",
    "ethernet.address": "192.0.2.10",
    "ethernet.netmask": "255.255.255.0",
    "ethernet.gateway": "192.0.2.1",
    "ethernet.dns1": "192.0.2.2",
    "ethernet.dns2": "",
}
PAGES = ("ethernet", "hosting", "security", "mbus", "time", "firmware", "log", "backup", "restart")


@pytest.mark.parametrize("name", PAGES)
async def test_configuration_is_for_users_only(tmp_path: Path, name: str) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.show(f"/configuration/{name}")
        assert answer.url.path == "/login"
        await client.log_in()
        answer = await client.show(f"/configuration/{name}")
        assert answer.status_code == 200
        assert f'href="/configuration/{name}" aria-current="page"' in answer.text


async def test_under_dhcp_the_addresses_are_greyed_out(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        answer = await client.show("/configuration/ethernet")
        assert '<fieldset id="by-hand" disabled>' in answer.text
        for label in ("DHCP", "IP address", "Netmask", "Gateway", "DNS1", "DNS2"):
            assert label in answer.text


async def test_where_no_helper_sets_addresses_they_are_stored_and_in_the_audit_log(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/configuration/ethernet")
        answer = await client.submit("/configuration/ethernet", BY_HAND)
        assert answer.status_code == 200
        assert "Saved." in answer.text
        assert '<fieldset id="by-hand">' in answer.text
        assert str(client.services.settings.stored.ethernet.address) == "192.0.2.10"
        entry = client.services.audit.entries(kind="settings changed")[0]
        assert (entry.who, entry.source) == ("anna", "192.0.2.7")
        assert "ethernet.dhcp: on → off; ethernet.address: - → 192.0.2.10" in entry.detail


async def test_without_dhcp_an_address_is_demanded_at_its_field(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/configuration/ethernet")
        answer = await client.submit("/configuration/ethernet", {"ethernet.dhcp": "false"})
        assert answer.status_code == 422
        assert '<fieldset id="by-hand">' in answer.text
        assert 'id="ethernet-address-problem" class="problem">is needed where there is no DHCP' in answer.text
        assert client.services.settings.stored.ethernet.dhcp


async def test_a_gateway_outside_the_network_is_refused_at_its_field_and_what_was_typed_stays(
    tmp_path: Path,
) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/configuration/ethernet")
        answer = await client.submit(
            "/configuration/ethernet", {**BY_HAND, "ethernet.gateway": "198.51.100.1"}
        )
        assert answer.status_code == 422
        assert 'id="ethernet-gateway-problem"' in answer.text
        assert 'value="198.51.100.1"' in answer.text


async def test_the_page_says_that_this_installation_does_not_set_the_network(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        answer = await client.show("/configuration/ethernet")
        assert "This installation does not set the network of the machine" in answer.text


async def test_what_the_form_does_not_show_cannot_be_changed_through_it(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/configuration/ethernet")
        await client.submit("/configuration/ethernet", {"web.lan": "true", "hosting.enabled": "true"})
        assert client.services.settings.stored == Settings()


async def test_nothing_changes_without_the_token_of_the_form(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        client.csrf = "invented"
        answer = await client.submit("/configuration/ethernet", BY_HAND)
        assert answer.status_code == 403
        assert client.services.settings.stored.ethernet == EthernetSettings()


async def test_hosting_is_switched_at_once_and_the_page_says_that_there_is_no_head_end_yet(
    tmp_path: Path,
) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        answer = await client.show("/configuration/hosting")
        assert "This release has no hosted reading" in answer.text
        answer = await client.submit("/configuration/hosting", {"hosting.enabled": "true"})
        assert "Saved." in answer.text
        assert "restart" not in answer.text.split("<h1>")[0].lower().split("banner")[-1]
        assert client.services.settings.running.hosting.enabled
