import socket
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from fastapi import APIRouter

from mbusmaster.settings import Settings
from mbusmaster.settings.schema import PanelSettings, WebSettings
from mbusmaster.web import pages
from mbusweb.guard import local_path
from support.web import web_client


class OpenedPage:
    """A page that a test adds; for users, as it says nothing else."""

    UPLOAD_LIMITS: ClassVar = {"/secret": 200_000}

    @staticmethod
    def router(services: object) -> APIRouter:
        routes = APIRouter()

        @routes.get("/secret")
        @routes.post("/secret")
        async def secret() -> str:
            return "inside"

        @routes.get("/broken")
        async def broken() -> str:
            raise RuntimeError("of the test")

        return routes


@pytest.fixture(autouse=True)
def more_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGES", (*pages.PAGES, OpenedPage))


async def test_every_answer_carries_the_headers_that_protect(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for path in ("/status", "/nowhere", "/api/v1/status", "/api/v1/nowhere"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"


async def test_pages_have_no_script_and_no_style_of_their_own(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for path in ("/status", "/languages", "/login"):
            text = (await client.get(path)).text
            assert "<style" not in text
            assert " style=" not in text
            assert " onclick=" not in text
            assert text.count("<script") == text.count("<script src=")
            assert "http://" not in text.replace("http://www.w3.org", "")
            assert "https://" not in text


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.2", "", "user@10.0.0.1", "10.0.0.1/x", "[::1"])
async def test_a_foreign_host_is_refused(host: str, tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.get("/status", headers={"host": host})
        assert answer.status_code == 421
        assert "Wrong address" in answer.text
        assert (await client.get("/api/v1/status", headers={"host": host})).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:80", "10.0.0.1", "MASTER.Example."])
async def test_the_masters_own_names_are_answered(host: str, tmp_path: Path) -> None:
    settings = Settings(web=WebSettings(host_names=("master.example",)))
    async with web_client(tmp_path, settings=settings) as client:
        assert (await client.get("/status", headers={"host": host})).status_code == 200


async def test_the_address_that_the_browser_connected_to_is_the_masters_own(tmp_path: Path) -> None:
    async with web_client(tmp_path, interface="lan", base_url="https://[fd00::7]:8443") as client:
        assert (await client.get("/status")).status_code == 200
        assert (await client.get("/status", headers={"host": "[fd00::8]:8443"})).status_code == 421
        assert (await client.get("/status", headers={"host": socket.gethostname()})).status_code == 200


async def test_a_form_without_its_token_changes_nothing(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.show("/login")
        for token in ("", "something", client.csrf[:-1]):
            answer = await client.post("/login", data={"csrf": token, "name": "x", "password": "y"})
            assert answer.status_code == 403
            assert "no longer valid" in answer.text


async def test_the_token_of_another_browser_is_of_no_use(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.show("/login")
        stolen = client.csrf
        client.cookies.clear()
        await client.show("/login")
        assert client.csrf != stolen
        client.csrf = stolen
        assert (await client.submit("/languages", language="de")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
    ids=str,
)
async def test_a_change_from_another_site_is_refused(headers: dict[str, str], tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.show("/languages")
        data = {"csrf": client.csrf, "language": "de"}
        assert (await client.post("/languages", data=data, headers=headers)).status_code == 403
        assert (
            await client.post("/languages", data=data, headers={"origin": "http://10.0.0.1"})
        ).status_code == 303


async def test_htmx_sends_the_token_in_a_header(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.show("/languages")
        headers = {"x-csrf-token": client.csrf, "hx-request": "true"}
        answer = await client.post("/languages", data={"language": "de"}, headers=headers)
        assert answer.status_code == 204
        assert answer.headers["hx-redirect"] == "/languages"


async def test_a_page_that_says_nothing_is_for_users(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.get("/secret?a=b")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=/secret%3Fa%3Db"
        assert (await client.log_in()).status_code == 200
        assert (await client.get("/secret")).text == '"inside"'


async def test_the_login_comes_back_to_what_was_asked_for(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.submit("/logout")
        await client.show("/secret")
        answer = await client.submit(
            "/login", follow=False, name="anna", password="a long passphrase", next="/secret"
        )
        assert answer.headers["location"] == "/secret"


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\tb", "evil", "", None, "/a\r\nb"],
)
def test_no_login_leads_to_another_site(path: str | None) -> None:
    assert local_path(path, "/status") == "/status"


async def test_the_session_is_a_new_one_after_each_login(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        client.cookies.set("mbusmaster_session", "chosen-by-somebody-else", domain="10.0.0.1")
        await client.log_in()
        first = client.cookies["mbusmaster_session"]
        assert first != "chosen-by-somebody-else"
        await client.submit("/login", name="anna", password="a long passphrase")
        assert client.cookies["mbusmaster_session"] != first
        assert client.services.access.session(first) is None


async def test_a_logout_ends_the_session_on_the_server(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        kept = client.cookies["mbusmaster_session"]
        answer = await client.submit("/logout")
        assert "You are logged out." in answer.text
        assert client.services.access.session(kept) is None
        client.cookies.set("mbusmaster_session", kept, domain="10.0.0.1")
        assert (await client.get("/secret")).status_code == 303


async def test_the_factory_login_reaches_only_the_page_that_makes_a_user(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.log_in("user", "Kamstrup1")
        assert answer.url.path == "/first-user"
        answer = await client.get("/secret")
        assert answer.headers["location"] == "/first-user"
        assert (await client.get("/first-user")).status_code == 200


async def test_a_bad_first_user_is_told_at_the_field(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in("user", "Kamstrup1")
        answer = await client.submit("/first-user", name="anna", password="short", again="short")
        assert answer.status_code == 422
        assert 'aria-describedby="password-help password-problem"' in answer.text
        assert "at least 12 characters" in answer.text
        answer = await client.submit("/first-user", name="anna", password="a long passphrase", again="b")
        assert "The two passwords differ." in answer.text
        assert client.services.access.is_factory


async def test_the_factory_login_is_not_for_the_lan(tmp_path: Path) -> None:
    async with web_client(tmp_path, interface="lan", base_url="https://10.0.0.1") as client:
        await client.show("/login")
        answer = await client.submit("/login", name="user", password="Kamstrup1")
        assert answer.status_code == 401
        assert "mbusmaster_session" not in str(client.cookies)


async def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.submit("/logout")
        await client.show("/login")
        for _ in range(12):
            answer = await client.submit("/login", name="anna", password="wrong wrong wrong")
            if answer.status_code == 429:
                break
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "Too many attempts" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/status", 405), ("GET", "/static/0/../x", 404)],
)
async def test_errors_look_like_the_product(method: str, path: str, status: int, tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert f"Error {status}" in answer.text
        assert '<nav class="side"' in answer.text


async def test_an_error_of_our_own_tells_nothing_about_the_inside(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        answer = await client.get("/broken")
        assert answer.status_code == 500
        assert "Internal error" in answer.text
        assert "RuntimeError" not in answer.text
        assert "content-security-policy" in answer.headers


async def test_a_long_body_is_for_pages_that_take_files_and_for_users(tmp_path: Path) -> None:
    async with web_client(tmp_path, interface="lan", base_url="https://10.0.0.1") as client:
        await client.show("/login")
        body = b"x" * 100_000
        headers = {"x-csrf-token": client.csrf}
        assert (await client.post("/secret", content=body, headers=headers)).status_code == 413
        await client.log_in()
        headers = {"x-csrf-token": client.csrf}
        assert (await client.post("/login", content=body, headers=headers)).status_code == 413
        await client.show("/status")
        headers = {"x-csrf-token": client.csrf}
        assert (await client.post("/secret", content=body, headers=headers)).status_code == 200
        assert (await client.post("/secret", content=body * 3, headers=headers)).status_code == 413


async def test_static_files_are_kept_by_browsers_and_change_their_address(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        text = (await client.get("/status")).text
        address = text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/css")
        other = address.replace(address.split("/")[2], "0" * 16)
        assert (await client.get(other)).status_code == 404


async def test_the_button_of_the_page_is_for_the_setup_interface_where_it_is_switched_on(
    tmp_path: Path,
) -> None:
    async def press(**arguments: object) -> httpx.Response:
        (tmp_path / str(len(arguments))).mkdir(exist_ok=True)
        async with web_client(tmp_path / str(len(arguments)), **arguments) as client:  # type: ignore[arg-type]
            answer = await client.show("/status")
            assert ("data-hold" in answer.text) == (len(arguments) == 1)
            return await client.submit("/panel/button", state="pressed")

    switched_on = Settings(panel=PanelSettings(virtual_button=True))
    assert (await press()).status_code == 404
    assert (await press(settings=switched_on)).status_code == 204
    on_lan = await press(settings=switched_on, interface="lan", base_url="https://10.0.0.1")
    assert on_lan.status_code == 403


async def test_without_a_program_the_button_of_the_page_asks_first(tmp_path: Path) -> None:
    switched_on = Settings(panel=PanelSettings(virtual_button=True))
    async with web_client(tmp_path, settings=switched_on) as client:
        await client.show("/status")
        answer = await client.submit("/panel/button")
        assert "Hold the button for 10 seconds?" in answer.text
        answer = await client.submit("/panel/button", state="hold")
        assert "The button is held for 10 seconds." in answer.text
        button = client.services.button
        assert button is not None
        assert (await anext(button.presses())).is_pressed
        button.release()
