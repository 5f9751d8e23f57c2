"""The meter list in Chromium: what two people see of one scan, without loading anything again."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import MeterList, Scanner
from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.app import create_app
from mbusmaster.web.server import WebServer
from mbussim.bus import Bus
from mbussim.meter import PlainMeter, Traits
from support.browser import launched
from support.simulated import clock, simulated_engine
from support.web import web_services

pytestmark = pytest.mark.process

TRAITS = Traits(delay=0.012, jitter=0.004)
METERS = [PlainMeter(n, SecondaryAddress(f"{n}" * 8, 0x2C2D, 0x35, 4), 40, TRAITS) for n in (1, 2)]


async def test_two_browsers_see_meters_come_in_and_either_may_cancel(tmp_path: Path) -> None:
    async with simulated_engine(Bus.of(METERS, seed=1)) as sim:
        meters = MeterList(tmp_path / "scanned.db", clock=clock)
        scanner = Scanner([sim.engine], meters, clock=clock)
        with web_services(tmp_path, meters=meters, scanner=scanner) as services:
            web = WebSettings.model_validate({"setup_interface": "none0", "port": 0})
            server = WebServer(create_app(services), web)
            await server.start()
            try:
                await watch_together(server.urls[0])
            finally:
                await server.stop()
                await scanner.close()
                meters.close()


async def watch_together(address: str) -> None:
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        one = await browser.new_page(base_url=address)
        other = await (await browser.new_context(viewport={"width": 390, "height": 844})).new_page()
        errors: list[str] = []
        for page in (one, other):
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console", lambda message: errors.append(message.text) if message.type == "error" else None
            )
        await other.goto(f"{address}meters")
        await expect(other.get_by_text("The list is empty.")).to_be_visible()
        await one.goto("/meters")
        await one.get_by_label("Addresses", exact=True).select_option("Primary")
        await one.get_by_role("button", name="Scan M-Bus master").click()
        for page in (one, other):
            await expect(page.locator('[data-running="true"] progress')).to_be_visible()
            await expect(page.get_by_role("link", name="111111112D2C3504", exact=True)).to_be_visible()
            await expect(page.get_by_role("link", name="222222222D2C3504", exact=True)).to_be_visible()
            await expect(page.get_by_role("button", name="Scan M-Bus master")).to_have_count(0)
        await other.get_by_role("button", name="Cancel").click()
        for page in (one, other):
            await expect(page.locator('[data-running="false"]')).to_contain_text(
                "2 meters found: 2 new, 0 updated."
            )
            await expect(page.get_by_role("button", name="Scan M-Bus master")).to_be_visible()
        # The one who only watched is told what has happened, also by a screen reader.
        await expect(one.locator('.meters > [role="status"]')).to_contain_text("2 meters found")
        await one.goto("/meters/commissioning/report")
        await expect(one.get_by_role("button", name="Print")).to_be_visible()
        await browser.close()
        assert not errors
