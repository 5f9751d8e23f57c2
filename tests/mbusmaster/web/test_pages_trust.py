import ast
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from mbusmaster.channels import trust as trust_package
from mbusmaster.channels.trust import Kind, Trust
from mbusmaster.web.phrases import is_known
from support.certificates import Authority, self_signed
from support.web import WebClient, web_client

PATH = "/configuration/security/clients"
SECRET = "correct horse"


@asynccontextmanager
async def trusting_client(tmp_path: Path) -> AsyncIterator[tuple[WebClient, Trust]]:
    trust = Trust(tmp_path / "trust")
    try:
        async with web_client(tmp_path, trust=trust) as client:
            await client.log_in()
            yield client, trust
    finally:
        trust.close()


async def issue(client: WebClient, **values: Any) -> httpx.Response:
    form: dict[str, Any] = {
        "name": "head-end",
        "years": "5",
        "format": "pem",
        "passphrase": SECRET,
        "again": SECRET,
        **values,
    }
    await client.show(f"{PATH}/issue")
    return await client.submit(f"{PATH}/issue", **form)


async def upload(client: WebClient, data: bytes, kind: str) -> httpx.Response:
    await client.show(f"{PATH}/add")
    return await client.post(
        f"{PATH}/add",
        data={"csrf": client.csrf, "kind": kind},
        files={"file": ("certificate.pem", data)},
        follow_redirects=True,
    )


def newest(client: WebClient) -> tuple[str, str, str]:
    entry = client.services.audit.entries(kind="certificate")[0]
    return entry.who, entry.source, entry.detail


async def test_only_users_see_the_clients(tmp_path: Path) -> None:
    trust = Trust(tmp_path / "trust")
    async with web_client(tmp_path, trust=trust) as client:
        for path in (PATH, f"{PATH}/issue", f"{PATH}/add", f"{PATH}/authority.pem"):
            assert (await client.show(path)).url.path == "/login"
    trust.close()


async def test_a_master_without_a_secured_channel_has_no_such_pages(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        for path in (PATH, f"{PATH}/issue", f"{PATH}/add", f"{PATH}/authority.pem"):
            assert (await client.show(path)).status_code == 404


async def test_the_page_says_why_nobody_can_connect(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        assert "Nobody is trusted yet, so nobody can connect." in (await client.show(PATH)).text
        trust.issue("head-end", None)
        assert "Nobody is trusted yet" not in (await client.show(PATH)).text


async def test_a_bundle_is_downloaded_and_never_kept_by_a_browser(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        answer = await issue(client, format="p12")
        assert answer.headers["content-type"] == "application/x-pkcs12"
        assert 'attachment; filename="head-end.p12"' in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "no-store"
        opened = pkcs12.load_pkcs12(answer.content, SECRET.encode())
        assert opened.key is not None
        assert [one.name for one in trust.clients()] == ["head-end"]
        who, source, detail = newest(client)
        assert (who, source) == ("anna", "192.0.2.7")
        assert detail.startswith("client head-end issued, until ")
        text = (await client.show(PATH)).text
        assert "head-end" in text
        assert trust.clients()[0].serial in text


async def test_a_pem_bundle_can_do_without_a_passphrase(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, _trust):
        answer = await issue(client, name="Zähler / büro", passphrase="", again="")
        assert answer.headers["content-type"] == "application/x-pem-file"
        assert answer.content.startswith(b"-----BEGIN PRIVATE KEY-----")
        disposition = answer.headers["content-disposition"]
        assert 'filename="Z_hler_b_ro.pem"' in disposition
        assert "filename*=UTF-8''Z%C3%A4hler%20%2F%20b%C3%BCro.pem" in disposition


async def test_what_is_wrong_with_a_bundle_is_said_at_the_field(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        trust.issue("taken", None)
        for values, field, text in (
            ({"name": ""}, "name", "A name has 1 to 64 printable characters, no blank at its ends."),
            ({"name": "taken"}, "name", "There is a client taken already; revoke it first"),
            ({"again": "other"}, "again", "The two passphrases differ."),
            (
                {"passphrase": "short", "again": "short"},
                "passphrase",
                "A passphrase has at least 8 characters.",
            ),
            ({"format": "p12", "passphrase": "", "again": ""}, "passphrase", "needs a passphrase"),
            ({"format": "exe"}, "format", "Choose one of the list."),
            ({"years": "1000"}, "years", "Choose one of the list."),
        ):
            answer = await issue(client, **values)
            assert answer.status_code == 422
            assert f'id="{field}-problem" class="problem">{text}' in answer.text or text in answer.text
            assert SECRET not in answer.text
        assert [one.name for one in trust.clients()] == ["taken"]


async def test_a_client_is_revoked_behind_a_question(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        trust.issue("head-end", None)
        path = f"{PATH}/{trust.clients()[0].id}/revoke"
        assert path in (await client.show(PATH)).text
        assert "Revoke the client head-end?" in (await client.show(path)).text
        text = (await client.submit(path)).text
        assert "The client head-end is trusted no more." in text
        assert "Revoked on" in text
        assert path not in text
        assert trust.clients()[0].revoked is not None
        assert newest(client)[2].startswith("client head-end revoked, serial ")
        assert (await client.submit(f"{PATH}/head-end/revoke")).status_code == 404


async def test_an_authority_is_added_and_removed(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        data = Authority(tmp_path).pem.read_bytes()
        answer = await upload(client, data, "authority")
        assert "The certificate test authority is trusted now." in answer.text
        assert newest(client)[2].startswith("authority test authority added, SHA-256 ")
        path = f"{PATH}/certificates/{trust.foreign()[0].id}/remove"
        assert path in answer.text
        assert "Remove the certificate test authority?" in (await client.show(path)).text
        assert "was removed" in (await client.submit(path)).text
        assert trust.foreign() == ()
        assert (await client.submit(path)).status_code == 404


async def test_a_single_client_is_added(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        data = self_signed(tmp_path, "meter reader").certificate.read_bytes()
        answer = await upload(client, data, "single")
        assert "Added certificate" in answer.text
        assert trust.foreign()[0].kind is Kind.SINGLE


async def test_what_is_wrong_with_a_certificate_is_said_at_the_field(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        pem = self_signed(tmp_path, "meter reader")
        for data, kind, text in (
            (b"", "single", "Choose a file first."),
            (b"hello", "single", "That is no certificate, neither PEM nor DER."),
            (pem.key.read_bytes(), "single", "That is a private key, not a certificate"),
            (pem.certificate.read_bytes(), "authority", "That is no authority: the CA flag is missing"),
            (b"x" * 65537, "single", "A certificate is smaller than 64 KiB."),
        ):
            answer = await upload(client, data, kind)
            assert answer.status_code == 422
            assert f'id="file-problem" class="problem">{text}' in answer.text
        assert "Choose one of the list." in (await upload(client, b"hello", "both")).text
        assert (await upload(client, b"x" * 200_000, "single")).status_code == 413
        assert trust.foreign() == ()


async def test_the_authority_of_the_master_is_downloaded(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        answer = await client.get(f"{PATH}/authority.pem")
        assert answer.content == trust.authority_pem()
        assert x509.load_pem_x509_certificate(answer.content)
        assert "attachment" in answer.headers["content-disposition"]


async def test_the_names_of_the_server_certificate_are_shown(tmp_path: Path) -> None:
    async with trusting_client(tmp_path) as (client, trust):
        trust.server_context()
        assert "localhost" in (await client.show(PATH)).text


async def test_many_clients_are_shown_a_page_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbusmaster.web.pages.trusted_clients.PAGE", 2)
    async with trusting_client(tmp_path) as (client, trust):
        for name in ("a1", "a2", "a3"):
            trust.issue(name, None)
        text = (await client.show(PATH)).text
        assert "Page 1 of 2" in text
        assert ">a3</th>" not in text
        text = (await client.show(f"{PATH}?page=2")).text
        assert ">a3</th>" in text
        for odd in ("0", "-1", "x", "9" * 30, "²"):
            assert (await client.show(f"{PATH}?page={odd}")).status_code == 200


def test_every_sentence_about_trust_can_be_translated() -> None:
    about_files = ("cannot ", "word ")
    assert [text for text in _sentences() if not is_known(text) and not text.startswith(about_files)] == []


def _sentences() -> list[str]:
    """Give what `TrustError` is raised with, with a word in each gap."""
    folder = Path(trust_package.__file__).parent
    calls = [
        node
        for file in folder.glob("*.py")
        if file.name != "backup.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("TrustError", "_wrong")
    ]
    return [text for call in calls if (text := _text(call.args[0]))]


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "word" for part in node.values)
    return ""
