"""Pages in a browser that runs no scripts."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, expect

from support.browser import Site, Visit, visit


@pytest_asyncio.fixture(loop_scope="session")
async def plain(browser: Browser, demo: Site) -> AsyncIterator[Visit]:
    async with visit(browser, demo, java_script_enabled=False) as this:
        yield this


async def test_login_settings_and_users_need_no_scripts(plain: Visit, demo: Site) -> None:
    await plain.open("/status")
    await plain.log_in()
    await plain.open("/configuration/hosting")
    await plain.field("Hosting").check()
    await plain.button("Save").click()
    await plain.says("Saved.")
    await plain.field("Hosting").uncheck()
    await plain.button("Save").click()
    await expect(plain.field("Hosting")).not_to_be_checked()
    await plain.open("/users/add")
    await plain.field("User name").fill("plain")
    await plain.field("New password").fill("correct horse battery")
    await plain.field("New password again").fill("correct horse battery")
    await plain.field("Your own password").fill(demo.password)
    await plain.button("Add user").click()
    await plain.says("The user was added.")
    await plain.log_out_button.click()
    await plain.says("You are logged out.")


async def test_a_scan_begins_shows_how_far_it_is_and_is_cancelled_without_scripts(plain: Visit) -> None:
    await plain.open("/meters")
    await plain.field("Addresses").select_option("primary")
    await plain.button("Scan M-Bus master").click()
    await expect(plain.main.locator("[data-running=true]")).to_contain_text("Scan by primary address")
    await plain.open("/meters")
    await plain.button("Cancel").click()
    await expect(plain.main.locator("[data-running=false]")).to_contain_text("Cancelled")
