"""The bus monitor while a reading program works."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import expect

from support.browser import Site, Visit


async def test_the_monitor_shows_what_a_reading_program_asks_in_every_open_window(
    guests: Sequence[Visit], demo: Site, tmp_path: Path
) -> None:
    for guest in guests:
        await guest.open("/monitor")
        await guest.fill_in_login(demo.user, demo.password)
        await expect(guest.title("Bus monitor")).to_be_visible()
        await expect(guest.main.locator("[data-state]")).to_have_text(guest.words("Live"))
    first = guests[0]
    newest = [guest.main.locator("ol.traffic > li").first for guest in guests]
    assert await mbus("read", demo.offers["tcp"], "1") == 0
    for top in newest:
        await expect(top).to_contain_text("RSP_UD")
    await first.button("Pause").click()
    await expect(first.main.locator("[data-state]")).to_have_text(first.words("Paused"))
    before = await newest[0].get_attribute("data-number")
    assert before is not None
    assert await mbus("read", demo.offers["tcp"], "2") == 0
    await expect(newest[1]).not_to_have_attribute("data-number", before)
    await expect(newest[0]).to_have_attribute("data-number", before)
    await first.button("Continue").click()
    await expect(newest[0]).not_to_have_attribute("data-number", before)
    async with first.page.expect_download() as waiting:
        await first.button("Download as text").or_(first.link("Download as text")).click()
    await (await waiting.value).save_as(tmp_path / "traffic.txt")
    assert (tmp_path / "traffic.txt").read_text("utf-8").strip()


async def mbus(*arguments: str) -> int:
    """Run our reading program; give its exit status."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mbusio.cli", *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait()
