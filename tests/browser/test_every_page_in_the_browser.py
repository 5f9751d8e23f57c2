"""Every page for everybody: screen reader, keyboard alone, phone, dark and light."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from support.browser import DESK, PHONE, Site, Visit, Words, look_for_barriers, visit

MENU = (
    "/status",
    "/languages",
    "/meters",
    "/monitor",
    "/configuration/ethernet",
    "/configuration/hosting",
    "/configuration/security",
    "/configuration/mbus",
    "/configuration/time",
    "/configuration/firmware",
    "/configuration/log",
    "/configuration/backup",
    "/configuration/restart",
    "/users",
    "/tokens",
    "/audit",
)
METER = "/meters/METER"
"""Any one that is in the list."""
BELOW_THE_MENU = (
    "/meters/commissioning",
    "/meters/commissioning/report",
    "/meters/clear",
    METER,
    f"{METER}/remove",
    "/monitor/counters",
    "/configuration/security/clients",
    "/users/add",
    "/users/demo/password",
    "/users/demo/delete",
    "/no/such/page",
)
CONTRAST = "color-contrast"
METERS = """\
secondary_address,primary_address,baud_rate,note
111111112D2C3504,11,2400,a note that is long enough to need more than one line in its column
222222222D2C3504,12,2400,
"""
MARK = """() => {
    window.missed = new Map();
    const groups = new Set();
    const all = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
    document.querySelectorAll(all).forEach((one, index) => {
        if (one.matches(':disabled, [type=hidden]') || !one.checkVisibility()) return;
        if (one.type === 'radio' && !one.checked) return;
        window.missed.set(one, `${index}: ${one.outerHTML.slice(0, 120)}`);
    });
    document.addEventListener('focusin', event => window.missed.delete(event.target));
    return window.missed.size;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def resident(browser: Browser, demo: Site) -> AsyncIterator[Visit]:
    """One logged in window for all pages, in the language with the longest words; no page moves."""
    async with visit(browser, demo, Words("de"), reduced_motion="reduce") as this:
        await this.open("/login")
        await this.fill_in_login(demo.user, demo.password)
        await expect(this.title("Status")).to_be_visible()
        for path in ("/meters", "/meters/commissioning"):
            await this.open(path)
            field = this.main.locator("input[type=file]")
            await field.set_input_files(
                {"name": "meters.csv", "mimeType": "text/csv", "buffer": METERS.encode()}
            )
            await field.evaluate("field => field.form.requestSubmit()")
            await expect(this.main.locator(".banner.success").first).to_be_visible()
        this.may_answer = {404}
        yield this


async def show(resident: Visit, path: str) -> None:
    if METER in path:
        await resident.open("/meters")
        number = await resident.main.locator("tr[data-meter]").first.get_attribute("data-meter")
        path = path.replace("METER", str(number))
    await resident.open(path)


async def test_a_barrier_would_be_found(resident: Visit) -> None:
    await resident.open("/languages")
    await resident.page.evaluate(
        """() => {
            const here = document.querySelector("main");
            here.append(document.createElement("input"));
            const pale = here.appendChild(document.createElement("p"));
            pale.textContent = "hardly to be seen";
            pale.style.color = "#eee";
        }"""
    )
    found = await look_for_barriers(resident.page)
    assert {barrier.partition(":")[0] for barrier in found} == {"label", CONTRAST}


async def test_these_are_all_pages_of_the_menu(resident: Visit) -> None:
    await resident.open("/status")
    links = resident.page.locator("nav .wide a")
    assert [await link.get_attribute("href") for link in await links.all()] == [*MENU]


@pytest.mark.parametrize("path", [*MENU, *BELOW_THE_MENU])
async def test_nothing_on_a_page_is_a_barrier(resident: Visit, path: str) -> None:
    page = resident.page
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(PHONE)
    await show(resident, path)
    await expect(resident.main.get_by_role("heading", level=1)).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "too wide"
    barriers = await look_for_barriers(page)
    await page.emulate_media(color_scheme="dark")
    barriers += await look_for_barriers(page, CONTRAST)
    await page.set_viewport_size(DESK)
    barriers += await look_for_barriers(page, CONTRAST)
    await page.emulate_media(color_scheme="light")
    barriers += await look_for_barriers(page)
    assert not barriers, "\n".join(barriers)
    resident.check()


@pytest.mark.parametrize("path", [*MENU, *BELOW_THE_MENU])
async def test_the_keyboard_alone_reaches_everything(resident: Visit, path: str) -> None:
    page = resident.page
    await show(resident, path)
    stops = await page.evaluate(MARK)
    # A field with parts, such as a date, has a stop for each of them.
    for _round in range(3):
        for _stop in range(stops):
            await page.keyboard.press("Tab")
        if not await page.evaluate("window.missed.size"):
            break
    assert await page.evaluate("[...window.missed.values()]") == []
    resident.check()


async def test_the_first_stop_leads_past_the_menu(resident: Visit) -> None:
    await resident.open("/status")
    skip = resident.page.get_by_role("link", name=resident.words("Skip to the content"))
    await resident.page.keyboard.press("Tab")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await resident.page.keyboard.press("Enter")
    await expect(resident.main).to_be_focused()


async def test_the_login_has_no_barriers(guest: Visit) -> None:
    await guest.page.emulate_media(reduced_motion="reduce")
    await guest.open("/login")
    assert not await look_for_barriers(guest.page)
    await guest.page.emulate_media(color_scheme="dark")
    await guest.page.set_viewport_size(PHONE)
    assert not await look_for_barriers(guest.page)
