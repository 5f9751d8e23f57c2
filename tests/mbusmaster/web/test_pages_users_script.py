"""The copy button of the page of API tokens, in Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.app import create_app
from mbusmaster.web.server import WebServer
from support.browser import launched
from support.web import web_services

pytestmark = pytest.mark.process

PASSWORD = "a long passphrase"


async def test_a_token_is_copied_also_where_the_browser_has_no_clipboard_for_pages(tmp_path: Path) -> None:
    web = WebSettings.model_validate({"setup_interface": "none0", "port": 0})
    with web_services(tmp_path) as services:
        await services.access.add_user("anna", PASSWORD)
        server = WebServer(create_app(services), web)
        await server.start()
        async with async_playwright() as playwright:
            browser = await launched(playwright)
            page = await browser.new_page(base_url=server.urls[0])
            await page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
            await page.goto("/login?next=/tokens")
            await page.get_by_label("User name").fill("anna")
            await page.get_by_label("Password").fill(PASSWORD)
            await page.locator("main button").click()
            await page.get_by_label("Title").fill("billing")
            await page.get_by_label("Your own password").fill(PASSWORD)
            await page.get_by_role("button", name="Make a token").click()
            await page.get_by_role("button", name="Copy").click()
            await expect(page.locator("[data-copy]")).to_have_text("Copied")
            secret = await page.locator("#secret").input_value()
            await page.get_by_label("Title").focus()
            await page.keyboard.press("Control+V")
            await expect(page.get_by_label("Title")).to_have_value(secret)
            await browser.close()
        await server.stop()
