"""Users, tokens and the audit log as people use them (guide 3.2, 3.3)."""

import re
from pathlib import Path

from playwright.async_api import Browser, expect

from support.browser import Site, Visit, Words, visit

PASSWORD = "correct horse battery"


async def test_a_user_is_added_logs_in_and_is_deleted_by_the_bin(
    user: Visit, browser: Browser, demo: Site, words: Words
) -> None:
    name = f"anna.{words.language}"
    await user.page.goto(f"{demo.url}/status")
    await user.page.locator("nav .wide").get_by_role("link", name=words("User list"), exact=True).click()
    await user.link("Add user").or_(user.button("Add user")).click()
    user.may_answer = {422}
    await fill_in(user, name, PASSWORD, "another password", demo.password)
    await expect(user.problem_at("New password again")).to_have_text(words("The two passwords differ."))
    await fill_in(user, name, name + name, name + name, "not the own password")
    await expect(user.problem_at("Your own password")).to_have_text(words("This is not your password."))
    await fill_in(user, demo.user, PASSWORD, PASSWORD, demo.password)
    await expect(user.problem_at("User name")).to_have_text(words("There is a user of this name already."))
    await fill_in(user, name, PASSWORD, PASSWORD, demo.password)
    await user.says(words("The user was added."))
    row = user.main.get_by_role("row").filter(has_text=name)
    await expect(row).to_contain_text(words("Never"))
    async with visit(browser, demo) as other:
        await other.open("/login")
        await other.fill_in_login(name, PASSWORD)
        await expect(other.log_out_button).to_be_visible()
        other.may_fail = True
        await row.get_by_role("button", name=words("Delete %(name)s", name=name)).click()
        await user.field("Your own password").fill(demo.password)
        await user.button("Delete user").click()
        await user.says(words("The user was deleted."))
        await expect(user.main.get_by_role("row").filter(has_text=name)).to_have_count(0)
        # Who was deleted is out at once.
        await other.open("/users")
        await expect(other.title("Log in")).to_be_visible()


async def fill_in(user: Visit, name: str, password: str, again: str, own: str) -> None:
    await user.field("User name").fill(name)
    await user.field("New password").fill(password)
    await user.field("New password again").fill(again)
    await user.field("Your own password").fill(own)
    await user.button("Add user").click()


async def test_the_last_user_cannot_be_deleted(user: Visit, demo: Site) -> None:
    await user.open("/users")
    rows = user.main.locator("tbody tr")
    if await rows.count() == 1:
        await expect(rows.get_by_role("button")).to_be_disabled()
        said = ("The last user cannot be deleted.", "To begin anew, hold the reset button for 10 seconds.")
        await expect(user.main.locator("#last-user")).to_have_text(" ".join(map(user.words, said)))


async def test_a_token_is_shown_once_and_revoked(user: Visit, demo: Site) -> None:
    words = user.words
    title = f"reader {words.language}"
    await user.open("/tokens")
    await user.field("Title").fill(title)
    await user.field("Your own password").fill(demo.password)
    await user.button("Make a token").click()
    secret = user.main.locator("#secret")
    await expect(secret).to_have_value(re.compile(".{20}"))
    await expect(user.button("Copy")).to_be_visible()
    await user.open("/tokens")
    await expect(secret).to_have_count(0)
    await user.main.get_by_role("row").filter(has_text=title).get_by_role("link").click()
    await user.button("Revoke").click()
    await user.says(words("The token was revoked."))
    await expect(user.main.get_by_role("row").filter(has_text=title)).to_have_count(0)


async def test_the_audit_log_is_filtered_and_downloaded(user: Visit, demo: Site, tmp_path: Path) -> None:
    words = user.words
    await user.open("/audit")
    await expect(user.main.locator("ol.log li").first).to_contain_text(demo.user)
    await user.main.get_by_label(words("User or client")).fill("nobody of this name")
    await user.button("Show").click()
    await user.says_in_text("There are no such entries.")
    await user.open("/audit")
    async with user.page.expect_download() as waiting:
        await user.button("Download as CSV").or_(user.link("Download as CSV")).click()
    await (await waiting.value).save_as(tmp_path / "audit.csv")
    assert demo.user in (tmp_path / "audit.csv").read_text("utf-8-sig")
