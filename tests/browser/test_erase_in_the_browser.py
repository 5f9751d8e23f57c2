"""Erasing all data as people do it, by the keyboard alone."""

from pathlib import Path

from playwright.async_api import Browser, expect

from mbusmaster.users import RULES
from mbusweb.access import add_user_offline
from support.browser import FACTORY, Words, factory_site, look_for_barriers, visit

OWN = "a long passphrase"


async def test_after_the_own_password_the_master_comes_back_as_new(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    add_user_offline(tmp_path / "state", "petersen", OWN, RULES)
    with factory_site(tmp_path) as site:
        async with visit(browser, site, Words("en")) as user:
            await user.open("/configuration/restart")
            await user.fill_in_login("petersen", OWN)
            await user.main.get_by_role("button", name="Erase all data…").click()
            await expect(user.title("Erase all data")).to_be_visible()
            await expect(user.main).to_contain_text("all users, logins, API tokens and the audit log")
            assert not await look_for_barriers(user.page)
            await user.page.screenshot(path=tmp_path / "erase.png", full_page=True)
            user.may_answer = {422}
            await user.field("Your own password").fill("wrong")
            await user.page.keyboard.press("Enter")
            await expect(user.problem_at("Your own password")).to_have_text("This is not your password.")
            await user.field("Your own password").fill(OWN)
            await user.page.keyboard.press("Tab")
            await user.page.keyboard.press("Enter")
            await expect(user.title("The master is restarting")).to_be_visible()
            user.may_fail = True
            await expect(user.title("Status")).to_be_visible(timeout=60_000)
            await user.log_in(*FACTORY)
            assert b"petersen" not in b"".join(
                path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()
            )
