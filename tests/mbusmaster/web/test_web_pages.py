from pathlib import Path

from support.web import web_client


async def test_the_status_page_is_open_at_each_of_its_addresses(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for path in ("/", "/config", "/status"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "2026 11/22 09:08:07" in answer.text
            assert "SN12345" in answer.text


async def test_the_language_is_remembered(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.show("/languages")
        answer = await client.submit("/languages", language="da", theme="dark")
        assert answer.status_code == 200
        assert '<html lang="da" data-theme="dark">' in answer.text


async def test_the_first_login_leads_to_a_user_of_ones_own(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await client.log_in("user", "Kamstrup1")
        assert answer.url.path == "/first-user"
        answer = await client.submit(
            "/first-user", name="anna", password="a long passphrase", again="a long passphrase"
        )
        assert answer.url.path == "/status"
        assert "Your user is made" in answer.text
        answer = await client.submit("/logout")
        assert "You are logged out" in answer.text


async def test_the_menu_shows_the_pages_that_are_there_and_where_one_is(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        text = (await client.get("/config")).text
        assert '<a href="/status" aria-current="page">Status</a>' in text
        assert '<a href="/languages">Languages</a>' in text
