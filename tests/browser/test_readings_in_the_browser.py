"""Readings as people see them: plots that can be looked at, zoomed, heard and kept; on a phone and on a desk, light and dark."""

import csv
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from support.browser import Visit, expect_no_barriers, logged_in
from support.headend_messages import SERIAL, batch, reading
from support.headend_site import HeadEndSite, headend_site
from support.headend_web import NOW
from support.headend_year import fill, simulated_meters

HOUR: Final = NOW.replace(minute=0, second=0)
SINCE: Final = HOUR - timedelta(days=45)
ENERGY: Final = quote("energy [Wh]")
VOLUME: Final = quote("volume [m³]")
PAGES: Final = (
    *("/readings", "/readings/1", "/readings/2/table", "/readings/1/consumption", "/readings/2/completeness"),
    *("/consumption", "/completeness", "/completeness/M1", "/export", "/plot"),
    f"/plot?s=1|{ENERGY}&s=2|{VOLUME}&time=month",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def head_end(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HeadEndSite]:
    async with headend_site(tmp_path_factory.mktemp("readings")) as site:
        await fill(site.services.store, SINCE, HOUR)
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def reader(browser: Browser, head_end: HeadEndSite) -> AsyncIterator[Visit]:
    """A window of somebody who is logged in; nothing may go wrong behind it."""
    async with logged_in(browser, head_end.site) as this:
        yield this


def over(reader: Visit) -> Locator:
    return reader.page.locator("figure.plot .u-over")


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text("utf-8-sig").splitlines()))


async def drawn(reader: Visit, path: str) -> None:
    """Open a page and wait until its plot is there."""
    await reader.open(path)
    await expect(over(reader)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_fits_and_has_no_barriers(reader: Visit, scheme: Literal["light", "dark"]) -> None:
    await expect_no_barriers(reader, PAGES, scheme)


async def test_the_plot_says_in_words_what_it_shows(reader: Visit) -> None:
    await drawn(reader, f"/plot?s=1|{ENERGY}&s=2|{VOLUME}&time=week")
    await expect(reader.page.locator("figure.plot .summary")).to_contain_text("30401707: Energy: 16")
    rows = reader.page.locator("figure.plot table.key tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("kWh")
    await expect(rows.last).to_contain_text("m³")


async def test_the_pointer_shows_value_unit_and_both_times(reader: Visit) -> None:
    await drawn(reader, "/readings/1?time=week")
    await over(reader).hover(position={"x": 300, "y": 100})
    tip = reader.page.locator("figure.plot .tip")
    await expect(tip).to_be_visible()
    await expect(tip).to_contain_text("kWh")
    await expect(tip.locator("small")).to_have_count(2)
    await expect(tip.locator("small").last).to_contain_text("Meter's time")


async def test_dragging_zooms_in_to_every_value_and_a_button_shows_all_again(reader: Visit) -> None:
    page = reader.page
    await drawn(reader, "/readings/1?time=year")
    box = await over(reader).bounding_box()
    assert box is not None
    summary = page.locator("figure.plot .summary")
    whole = await summary.inner_text()
    async with page.expect_response(lambda response: "from=" in response.url):
        await page.mouse.move(box["x"] + box["width"] * 0.96, box["y"] + 50)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 60, steps=4)
        await page.mouse.up()
    await expect(summary).not_to_have_text(whole)
    await reader.button("Show all").click()
    await expect(summary).to_have_text(whole)


async def test_keys_move_zoom_and_tell_values(reader: Visit) -> None:
    page = reader.page
    await drawn(reader, "/readings/1?time=week")
    await page.locator("figure.plot .area").focus()
    spoken = page.locator("figure.plot [aria-live=polite]")
    await page.keyboard.press("Shift+ArrowRight")
    await expect(spoken).to_contain_text("Energy")
    first = await spoken.text_content()
    await page.keyboard.press("Shift+ArrowRight")
    await expect(spoken).not_to_have_text(first or "")
    await page.keyboard.press("+")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("0")
    await expect(over(reader)).to_be_visible()


async def test_what_is_shown_can_be_kept_as_csv(reader: Visit) -> None:
    await drawn(reader, f"/plot?s=1|{ENERGY}&s=2|{VOLUME}&time=day")
    async with reader.page.expect_download() as started:
        await reader.button("Download what is shown as CSV").click()
    rows = rows_of(await (await started.value).path())
    assert rows[0] == ["Time (UTC)", "Register", "Value", "Unit", "Meter's time", "Remark"]
    assert {row[3] for row in rows[1:]} == {"kWh", "m³"}


async def test_a_register_is_hidden_and_shown_again(reader: Visit) -> None:
    await drawn(reader, f"/plot?s=1|{ENERGY}&s=2|{VOLUME}&time=week")
    toggle = reader.page.locator("figure.plot table.key button").first
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "false")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "true")


async def test_new_readings_come_without_loading_the_page_again(reader: Visit, head_end: HeadEndSite) -> None:
    await reader.page.clock.install()
    await drawn(reader, "/readings/3?time=day")
    summary = reader.page.locator("figure.plot .summary")
    count = int((await summary.inner_text()).rpartition(": ")[2].partition(" ")[0])
    meter = simulated_meters(SINCE)[2]
    taken = HOUR + timedelta(minutes=1)
    frames = [frame.to_bytes() for frame in meter.reading((taken - SINCE).total_seconds())]
    one = reading(10**9, str(meter.secondary), frames, slot=HOUR, taken=taken)
    await head_end.services.store.take(SERIAL, batch(one), taken)
    await reader.page.clock.run_for(6000)
    await expect(summary).to_contain_text(f": {count + 1} ")


async def test_bars_of_consumption_stand_beside_those_before(reader: Visit) -> None:
    await drawn(
        reader, f"/readings/1/consumption?since={HOUR.date() - timedelta(days=7)}&until={HOUR.date()}"
    )
    await expect(reader.page.locator("figure.plot table.key tbody tr")).to_have_count(2)
    await over(reader).hover(position={"x": 400, "y": 100})
    await expect(reader.page.locator("figure.plot .tip")).to_contain_text("kWh")


async def test_meters_are_found_and_added_to_the_plot(reader: Visit) -> None:
    await reader.open("/plot")
    await reader.field("Meter contains").fill("30401721")
    await reader.button("Search").click()
    await reader.field("Energy [kWh]").first.check()
    await reader.button("Add to the plot").click()
    await expect(over(reader)).to_be_visible()
    assert "s=3%7Cenergy" in reader.page.url


async def test_on_paper_the_plot_is_there_and_the_buttons_are_not(reader: Visit) -> None:
    await drawn(reader, "/readings/1?time=week")
    await reader.page.emulate_media(media="print")
    await expect(reader.page.locator("figure.plot canvas")).to_be_visible()
    await expect(reader.page.locator("figure.plot .tools")).to_be_hidden()
    await reader.page.emulate_media(media="screen")


async def test_without_scripts_readings_are_a_table(browser: Browser, head_end: HeadEndSite) -> None:
    async with logged_in(browser, head_end.site, java_script_enabled=False) as this:
        await this.open("/readings/1")
        await this.link("Show the readings as a table").click()
        await expect(this.page.locator("table.values tbody tr").first).to_be_visible()
