import ssl
from pathlib import Path

import httpx
import pytest

from mbusheadend.errors import HeadEndError
from mbusheadend.settings import Settings, WebPlace
from mbusio.certificates import ServerNames, make_authority, make_server
from mbusio.keyfiles import write_pair
from support.headend import Site, now, running


def context(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=site.authority_pem.decode())


async def test_people_reach_the_pages_over_tls_with_the_own_authority(tmp_path: Path) -> None:
    async with running(tmp_path, web_listen=("127.0.0.1:0",)) as site:
        assert site.head_end.web_url.startswith("https://127.0.0.1:")
        async with httpx.AsyncClient(verify=context(site), base_url=site.head_end.web_url) as client:
            answer = await client.get("/login")
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
        assert site.head_end.first_user_url.startswith(f"{site.head_end.web_url}/first-user?key=")


async def test_masters_find_no_pages_and_people_no_endpoints_of_masters(tmp_path: Path) -> None:
    async with running(tmp_path, web_listen=("127.0.0.1:0",)) as site:
        async with site.client() as client:
            assert (await client.get("/login")).status_code == 404
        async with httpx.AsyncClient(verify=context(site), base_url=site.head_end.web_url) as client:
            answer = await client.post("/hosting/v1/contact", content=b"")
            assert answer.status_code in (403, 404)


async def test_without_tls_pages_are_served_on_loopback(tmp_path: Path) -> None:
    async with (
        running(tmp_path, web_listen=("http://127.0.0.1:0",)) as site,
        httpx.AsyncClient(base_url=site.head_end.web_url) as client,
    ):
        assert (await client.get("/login")).status_code == 200


async def test_a_certificate_of_people_is_shown_and_taken_over_when_it_is_another_one(tmp_path: Path) -> None:
    names, file = ServerNames((), ("127.0.0.1",)), tmp_path / "own.pem"
    first, second = make_authority("first", now()), make_authority("second", now())
    write_pair(file, make_server(first, names, now()))
    own = {"web_certificate": file, "web_key": file}
    async with running(tmp_path, web_listen=("127.0.0.1:0",), **own) as site:

        async def status(pem: bytes) -> int:
            trust = ssl.create_default_context(cadata=pem.decode())
            async with httpx.AsyncClient(verify=trust, base_url=site.head_end.web_url) as client:
                return (await client.get("/login")).status_code

        assert await status(first.to_pem()) == 200
        write_pair(file, make_server(second, names, now()))
        site.head_end.refresh_certificates()
        assert await status(second.to_pem()) == 200
        with pytest.raises(httpx.ConnectError):
            await status(first.to_pem())


async def test_a_certificate_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(b"no certificate")
    with pytest.raises(HeadEndError, match="for the web pages"):
        async with running(tmp_path, web_listen=("127.0.0.1:0",), web_certificate=file, web_key=file):
            raise AssertionError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("0.0.0.0:8444", "https://readings.example:8444"),
        ("[::]:443", "https://readings.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_people_are_told_where_the_pages_are(text: str, url: str) -> None:
    assert WebPlace.of(text).url("readings.example") == url
    assert str(WebPlace.of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "http://0.0.0.0:80",
        "http://192.0.2.1:80",
        "nowhere",
        "a:99999",
        "https://a:1",
        "a b:1",
        "x" * 400 + ":1",
    ],
)
def test_other_places_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|without TLS"):
        Settings(web_listen=(text,))


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="need each other"):
        Settings(web_certificate=tmp_path)
