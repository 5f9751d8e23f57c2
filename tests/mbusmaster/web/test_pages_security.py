import re
from html import unescape
from pathlib import Path
from typing import Any

from mbusmaster.settings import ChannelsSettings, Settings
from mbusmaster.web.services import ChannelState
from support.web import WebClient, web_client

PATH = "/configuration/security"


def hidden_fields(html: str) -> dict[str, str]:
    """Give what the form of a question sends along."""
    form = re.findall(r'<form method="post" action="/configuration/security">.*?</form>', html, re.DOTALL)[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {unescape(name): unescape(value) for name, value in found}


async def say_yes(client: WebClient, html: str) -> Any:
    values = hidden_fields(html)
    values.pop("csrf")
    return await client.submit(PATH, values)


async def test_the_channels_have_the_guides_labels_and_defaults(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        for label in (
            "Enable secured TCP at",
            "Enable unsecured TCP at",
            "Port number",
            "Secure communication only",
        ):
            assert label in text
        assert re.search(r'name="channels.secured_tcp.enabled"[^>]* checked', text)
        assert not re.search(r'name="channels.plain_tcp.enabled"[^>]* checked', text)
        assert re.search(r'value="1445"[^>]*name="channels.secured_tcp.port"', text)
        assert re.search(r'value="2445"[^>]*name="channels.plain_tcp.port"', text)
        assert 'href="/configuration/security/clients"' in text


async def test_a_channel_without_encryption_is_opened_only_after_a_question(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(
            PATH, {"channels.plain_tcp.enabled": "true", "channels.plain_tcp.port": "2500"}
        )
        assert "Open a channel without encryption?" in answer.text
        assert "unsecured TCP at port 2500" in answer.text
        assert not client.services.settings.stored.channels.plain_tcp.enabled
        answer = await say_yes(client, answer.text)
        assert "A restart is needed" in answer.text
        assert client.services.settings.stored.channels.plain_tcp.enabled
        assert client.services.settings.stored.channels.plain_tcp.port == 2500
        details = client.services.audit.entries(kind="settings changed")[0].detail
        assert details == "channels.plain_tcp.enabled: off → on; channels.plain_tcp.port: 2445 → 2500"


async def test_one_that_is_open_already_is_not_asked_about_again(tmp_path: Path) -> None:
    channels = ChannelsSettings.model_validate({"plain_tcp": {"enabled": True}})
    async with web_client(tmp_path, settings=Settings(channels=channels)) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(
            PATH, {"channels.plain_tcp.enabled": "true", "channels.secured_tcp.port": "1500"}
        )
        assert "without encryption?" not in answer.text
        assert client.services.settings.stored.channels.secured_tcp.port == 1500


async def test_while_only_secure_communication_is_allowed_the_others_are_refused_at_their_field(
    tmp_path: Path,
) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        for name in ("plain_tcp", "rfc2217"):
            answer = await client.submit(
                PATH, {"channels.secure_only": "true", f"channels.{name}.enabled": "true", "sure": "yes"}
            )
            assert answer.status_code == 422
            assert (
                f'id="channels-{name}-enabled-problem" class="problem">cannot be switched on' in answer.text
            )
        assert client.services.settings.stored == Settings()


async def test_a_port_that_is_taken_is_refused_before_any_question(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(
            PATH, {"channels.plain_tcp.enabled": "true", "channels.plain_tcp.port": "1445"}
        )
        assert answer.status_code == 422
        assert 'id="channels-plain_tcp-port-problem"' in answer.text


async def test_rights_of_clients_are_under_more(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        await client.submit(
            PATH, {"buses.0.allow_writes": "true", "channels.discovery": "false", "buses.0.url": "/dev/x"}
        )
        stored = client.services.settings.stored
        assert stored.buses[0].allow_writes
        assert stored.buses[0].url == "/dev/ttyUSB0"
        assert not stored.channels.discovery


async def test_each_channel_says_where_it_is_open_or_why_it_is_not(tmp_path: Path) -> None:
    states = (
        ChannelState("secured_tcp", True, ("0.0.0.0:1445",), 1),
        ChannelState("plain_tcp", False),
        ChannelState("rfc2217", False, reason="port 2217 is in use"),
    )
    async with web_client(tmp_path, channels=lambda: states) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "Open at 0.0.0.0:1445, 1 client connected" in text
        assert "Closed: port 2217 is in use" in text
        assert 'data-channel="plain_tcp">Closed</p>' in text
