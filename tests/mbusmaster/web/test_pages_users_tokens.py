import re
from datetime import timedelta
from pathlib import Path

import httpx

from support.web import NOW, WebClient, web_client

OWN = "a long passphrase"


async def make(client: WebClient, title: str = "billing", days: str = "90", own: str = OWN) -> httpx.Response:
    return await client.submit("/tokens", title=title, days=days, own=own)


def secret_in(html: str) -> str:
    found = re.search(r'value="(mbm_[^"]+)" readonly', html)
    return found[1] if found else ""


async def test_a_token_is_made_and_shown_once(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        assert "You have no tokens." in (await client.show("/tokens")).text
        answer = await make(client)
        assert answer.headers["cache-control"] == "no-store"
        secret = secret_in(answer.text)
        user = client.services.access.token(secret, source="192.0.2.9")
        assert user is not None
        assert user.name == "anna"
        text = (await client.show("/tokens")).text
        assert "billing" in text
        assert secret not in text
        token = client.services.access.tokens("anna")[0]
        assert token.expires == NOW + timedelta(90)
        assert client.services.audit.entries(kind="token created")[0].detail == "billing"


async def test_a_token_without_an_end(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/tokens")
        await make(client, days="0")
        assert client.services.access.tokens("anna")[0].expires is None


async def test_what_is_wrong_with_a_token_is_said_at_the_field(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/tokens")
        for answer, field, text in (
            (await make(client, title=" "), "title", "Give the token a title"),
            (await make(client, days="7"), "days", "Choose one of the list."),
            (await make(client, days="many"), "days", "Choose one of the list."),
            (await make(client, own="not mine"), "own", "This is not your password."),
        ):
            assert answer.status_code == 422
            assert re.search(f'id="{field}-problem" class="problem">{text}', answer.text)
        assert client.services.access.tokens("anna") == ()


async def test_a_revoked_token_opens_nothing(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show("/tokens")
        secret = secret_in((await make(client)).text)
        path = f"/tokens/{client.services.access.tokens('anna')[0].id}/revoke"
        assert path in (await client.show("/tokens")).text
        assert "the token billing" in (await client.show(path)).text
        assert "The token was revoked." in (await client.submit(path)).text
        assert client.services.access.token(secret, source="192.0.2.9") is None
        assert "There is no such token any more." in (await client.submit(path)).text
        assert "There is no such token any more." in (await client.show(path)).text
        for number in ("x", "-1", "9" * 40):
            assert (await client.submit(f"/tokens/{number}/revoke")).status_code == 400


async def test_nobody_revokes_the_token_of_somebody_else_here(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.services.access.add_user("bert", "another long passphrase")
        token, _secret = await client.services.access.create_token("bert", "his own")
        assert "his own" not in (await client.show("/tokens")).text
        await client.submit(f"/tokens/{token.id}/revoke")
        assert len(client.services.access.tokens("bert")) == 1
