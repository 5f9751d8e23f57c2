"""The script of the bus monitor, in Chromium: what it adds to a page that works without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from mbus.link.transaction import Ack
from mbus.procedures.steps import Expects, Request
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.stations import Station
from mbusmaster.settings import BusSettings
from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.app import create_app
from mbusmaster.web.server import WebServer
from support.browser import launched
from support.sharedbus import nke
from support.web import web_services

pytestmark = pytest.mark.process

PASSWORD = "a long passphrase"
LINES = "ol.traffic > li"


def see(engine: BusEngine, times: int = 1) -> None:
    for _ in range(times):
        carried = Carried("one", Request(nke(5), Expects.ACK), Ack(), 0.1, 2400, True, None)
        engine.traffic.carried(carried, Station(5), datetime.now(UTC))


@asynccontextmanager
async def monitor(folder: Path, engine: BusEngine) -> AsyncIterator[tuple[Page, WebServer]]:
    """Show the monitor in a browser whose user is logged in; an error in a script is an error here."""
    settings = WebSettings.model_validate({"setup_interface": "none0", "port": 0})
    with web_services(folder, buses=(engine,)) as services:
        await services.access.add_user("anna", PASSWORD)
        server = WebServer(create_app(services), settings)
        await server.start()
        async with async_playwright() as playwright:
            browser = await launched(playwright)
            page = await browser.new_page(base_url=server.urls[0])
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto("/login?next=/monitor")
            await page.get_by_label("User name").fill("anna")
            await page.get_by_label("Password").fill(PASSWORD)
            await page.locator("main button").click()
            await page.wait_for_url("**/monitor")
            yield page, server
            await browser.close()
            assert not errors
        await server.stop()


async def test_lines_come_on_top_stop_while_paused_and_are_made_up_for(tmp_path: Path) -> None:
    engine = BusEngine(BusSettings())
    see(engine)
    async with monitor(tmp_path, engine) as (page, _server):
        state = page.locator("[data-state]")
        await expect(state).to_have_text("Live")
        see(engine)
        await expect(page.locator(LINES)).to_have_count(2)
        await expect(page.locator(LINES).first).to_have_attribute("data-number", "2")
        await page.get_by_role("button", name="Pause").click()
        await expect(state).to_have_text("Paused")
        see(engine, 3)
        await expect(page.locator(LINES)).to_have_count(2)
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator(LINES)).to_have_count(5)
        await expect(page.locator(LINES).first).to_have_attribute("data-number", "5")


async def test_only_the_newest_lines_are_kept(tmp_path: Path) -> None:
    engine = BusEngine(BusSettings())
    async with monitor(tmp_path, engine) as (page, _server):
        await expect(page.locator("[data-state]")).to_have_text("Live")
        see(engine, 200)
        await expect(page.locator(LINES)).to_have_count(200)
        see(engine, 200)
        await expect(page.locator(LINES).first).to_have_attribute("data-number", "400")
        await expect(page.locator(LINES)).to_have_count(300)


async def test_a_lost_connection_is_said(tmp_path: Path) -> None:
    async with monitor(tmp_path, BusEngine(BusSettings())) as (page, server):
        await expect(page.locator("[data-state]")).to_have_text("Live")
        await server.stop()
        await expect(page.locator("[data-state]")).to_contain_text("The connection is lost")
