"""The pages about readings as they look: a head-end whose clock stands, with months of simulated meters."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.async_api import Browser, expect

from support.browser import DESK, PHONE, Visit, Words, visit
from support.headend_site import headend_site
from support.headend_web import NOW
from support.headend_year import fill

HOUR: Final = NOW.replace(minute=0, second=0)
DAYS: Final = 70
NAMES: Final = ("Heating, house 4", "Cold water, flat 12", "Electricity, stairs", "Cellar")
SERIES: Final = "&".join(
    f"r={quote(name)}" for name in ("flow_temperature [°C]", "return_temperature [°C]", "power [W]")
)
PAGES: Final = {
    "readings-plot": (f"/readings/1?time=week&{SERIES}", False, False),
    "readings-plot-phone": (f"/readings/1?time=day&{SERIES}", False, True),
    "readings-consumption-dark": ("/readings/3/consumption?period=day", True, False),
    "completeness": ("/completeness/M1?days=31", False, False),
}
"""By name of the picture: address, whether it is dark, whether on a phone."""


async def pictures_of_readings(
    browser: Browser, wanted: set[str], save: Callable[[str, bytes], None]
) -> None:
    """Take those that are wanted; all where none is named."""
    with tempfile.TemporaryDirectory() as folder:
        async with headend_site(Path(folder)) as site:
            store = site.services.store
            await fill(store, HOUR - timedelta(days=DAYS), HOUR)
            for number, name in enumerate(NAMES, 1):
                await store.set_meter(number, name=name, note="", groups=())
            async with visit(browser, site.site, Words("en"), reduced_motion="reduce") as reader:
                await reader.open("/login")
                await reader.fill_in_login(site.site.user, site.site.password)
                await reader.logged_in()
                for name in PAGES.keys() & wanted if wanted else PAGES:
                    save(name, await _picture(reader, name))


async def _picture(reader: Visit, name: str) -> bytes:
    path, is_dark, is_phone = PAGES[name]
    size = PHONE if is_phone else DESK
    await reader.page.emulate_media(color_scheme="dark" if is_dark else "light")
    await reader.page.set_viewport_size(size)
    await reader.open(path)
    if 'figure class="plot"' in await reader.page.content():
        await expect(reader.page.locator("figure.plot .u-over")).to_be_visible()
    height = min(1400, await reader.page.evaluate("document.documentElement.scrollHeight"))
    await reader.page.set_viewport_size({"width": size["width"], "height": max(300, height)})
    return await reader.page.screenshot(animations="disabled", caret="hide")
