"""The few scripts of the configuration pages, in Chromium: what they add to pages that work without them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from mbusmaster.settings.schema import WebSettings
from mbusmaster.system.clock import ClockChange
from mbusmaster.system.restart import Restart
from mbusmaster.system.update import UpdateState, UpdateStatus
from mbusmaster.web.app import create_app
from mbusmaster.web.server import WebServer
from support.browser import launched
from support.web import NOW, web_services

pytestmark = pytest.mark.process

PASSWORD = "a long passphrase"
DROP = """([name, size]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(size)], name));
  document.querySelector("fieldset.drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}"""


class Clock:
    """Stands in for the clock of the machine."""

    unavailable = ""

    def __init__(self) -> None:
        self.set_to: list[datetime] = []

    async def set(self, moment: datetime) -> ClockChange:
        self.set_to.append(moment)
        return ClockChange(NOW, moment)


class Updater:
    """Stands in for the updater: installs for ever."""

    def __init__(self) -> None:
        self.state = UpdateState(UpdateStatus.IDLE)
        self.received: list[tuple[str, int]] = []

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        size = 0
        async for piece in content:
            size += len(piece)
        self.received.append((name, size))
        self.state = UpdateState(UpdateStatus.INSTALLING, release="0012", progress=30)


@asynccontextmanager
async def serving(folder: Path, **parts: Any) -> AsyncIterator[str]:
    """Serve the pages on loopback, with one user; give the address."""
    web = WebSettings.model_validate({"setup_interface": "none0", "port": 0})
    with web_services(folder, **parts) as services:
        await services.access.add_user("anna", PASSWORD)
        server = WebServer(create_app(services), web)
        await server.start()
        try:
            yield server.urls[0]
        finally:
            await server.stop()


@asynccontextmanager
async def browser_at(address: str) -> AsyncIterator[Page]:
    """Give a page of a browser whose user is logged in; an error in a script is an error here."""
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        page = await browser.new_page(base_url=address)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto("/login")
        await page.get_by_label("User name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.locator("main button").click()
        await page.wait_for_url("**/status")
        yield page
        await browser.close()
        assert not errors


async def test_addresses_are_greyed_out_as_soon_as_dhcp_is_switched_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as address, browser_at(address) as page:
        await page.goto("/configuration/ethernet")
        field = page.get_by_label("IP address", exact=True)
        await expect(field).to_be_disabled()
        await page.get_by_label("DHCP", exact=True).click()
        await expect(field).to_be_enabled()


async def test_the_clock_of_the_computer_is_shown_and_handed_over(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path, clock=clock) as address, browser_at(address) as page:
        await page.goto("/configuration/time")
        await expect(page.locator('[data-clock="master"]')).to_contain_text("2026 11/22 09:08:")
        await expect(page.locator('[data-clock="pc"]')).to_be_visible()
        await page.get_by_label("Use PC time").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".banner.success").last).to_contain_text("The clock was")
        assert abs(clock.set_to[0] - datetime.now(UTC)) < timedelta(minutes=2)
        await page.get_by_label("Set time manually").check()
        await expect(page.get_by_label("Time server", exact=True)).to_be_disabled()
        await page.get_by_label("Date and time (UTC)").fill("2026-11-22T10:00:01")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".banner.success").last).to_contain_text("10:00:01")
        assert clock.set_to[1] == datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)


async def test_a_firmware_file_is_dropped_and_its_installation_followed(tmp_path: Path) -> None:
    updater = Updater()
    async with serving(tmp_path, update=updater) as address, browser_at(address) as page:
        await page.goto("/configuration/firmware")
        await expect(page.get_by_text("Drop the file here")).to_be_visible()
        await page.evaluate(DROP, ["holiday.tar", 10])
        await expect(page.locator("#file-problem")).to_contain_text("its name must be like")
        async with page.expect_response("**/firmware/state"):
            await page.evaluate(DROP, ["MBMC2022_release_0012.tar", 5_000_000])
        assert updater.received == [("MBMC2022_release_0012.tar", 5_000_000)]
        await expect(page.locator("#update-state")).to_contain_text("Installing: do not switch off")


async def test_the_page_comes_back_by_itself_after_a_restart(tmp_path: Path) -> None:
    asked = asyncio.Event()
    with web_services(tmp_path, restart=Restart(asked.set)) as services:
        await services.access.add_user("anna", PASSWORD)
        web = WebSettings.model_validate({"setup_interface": "none0", "port": 0})
        server = WebServer(create_app(services), web)
        await server.start()
        async with browser_at(server.urls[0]) as page:
            await page.goto("/configuration/restart")
            await page.locator("main").get_by_role("button", name="Restart").click()
            await page.locator("main").get_by_role("button", name="Restart").click()
            await asked.wait()
            await expect(page.get_by_role("heading")).to_contain_text(["The master is restarting"])
            port = int(server.urls[0].rstrip("/").rpartition(":")[2])
            await server.stop()
            server = WebServer(create_app(services), web.model_copy(update={"port": port}))
            await server.start()
            await page.wait_for_url("**/status")
        await server.stop()
