"""Status, languages and reset button as people see them (guide 3.1, 3.3.1, 4)."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

from playwright.async_api import Browser, expect

from support.browser import FACTORY, LANGUAGES, Site, Visit, Words, demo_site, visit

FIELDS = (
    "Time (UTC)",
    "Firmware version",
    "Operational status",
    "M-Bus status",
    "IP address",
    "Time server status",
    "Time server address",
    "Serial number",
    "Web page version",
)
TIME = re.compile(r"^\d{4} \d{2}/\d{2} \d{2}:\d{2}:\d{2}$")
RUNNING = re.compile("green|flashing")
HELD = 10.0


@contextmanager
def fault(site: Site, text: str) -> Iterator[None]:
    """Do something to the simulated bus until the block ends."""
    host, _, port = site.offers["simulator_control"].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as control, control.makefile("rw") as file:

        def ask(**request: object) -> dict[str, object]:
            print(json.dumps(request), file=file, flush=True)
            answer: dict[str, object] = json.loads(file.readline())
            assert answer["ok"], answer
            return answer

        number = ask(do="fault", fault=text)["number"]
        yield
        ask(do="clear", number=number)


async def test_the_status_shows_what_the_guide_names_without_a_password(guest: Visit) -> None:
    for path in ("/config", "/"):
        await guest.open(path)
        await expect(guest.title("Status")).to_be_visible()
        labels = await guest.main.locator("tr[data-field] th").all_inner_texts()
        assert labels == [guest.words(label) for label in FIELDS]
    time = guest.main.locator("tr[data-field=time] td")
    await expect(time).to_have_text(TIME)
    # It is live.
    await expect(time).not_to_have_text(await time.inner_text())


async def test_a_language_is_remembered_by_the_browser(browser: Browser, demo: Site, words: Words) -> None:
    async with visit(browser, demo, words) as guest:
        await guest.says(words("Saved for this browser."))
        another_window = await guest.page.context.new_page()
        await another_window.goto(f"{demo.url}/languages")
        await expect(another_window.locator("html")).to_have_attribute("lang", words.language)
        await another_window.close()
    async with visit(browser, demo, locale=words.language) as guest:
        # A browser that was never here is first spoken to in its own language.
        await guest.open("/languages")
        await expect(guest.page.locator("html")).to_have_attribute("lang", words.language)


async def test_formats_and_colours_are_chosen_with_the_language(
    browser: Browser, demo: Site, words: Words
) -> None:
    async with visit(browser, demo, words) as guest:
        await guest.field("Date format").select_option("MM/dd/yyyy")
        await guest.field("Time format").select_option("h:mm:ss a")
        await guest.field("Number format").select_option("1 234,5")
        await guest.field("Appearance").select_option("dark")
        await guest.button("Save").click()
        await expect(guest.page.locator("html")).to_have_attribute("data-theme", "dark")
        await guest.says(words("Saved for this browser."))
        await guest.page.reload()
        await expect(guest.field("Date format")).to_have_value("MM/dd/yyyy")
        await expect(guest.field("Time format")).to_have_value("h:mm:ss a")
        await expect(guest.field("Number format")).to_have_value("1 234,5")


async def test_a_short_circuit_turns_the_lamp_red_on_pages_that_are_open(
    guests: Sequence[Visit], demo: Site
) -> None:
    async def lamp_shows(guest: Visit, look: str | re.Pattern[str], *texts: str) -> None:
        lamp = guest.main.locator("[data-lamp=mbus]")
        await expect(lamp).to_have_attribute("data-look", look)
        for text in texts:
            await expect(lamp).to_contain_text(guest.words(text))

    for guest in guests:
        await guest.open("/status")
        await lamp_shows(guest, RUNNING)
    with fault(demo, "short"):
        for guest in guests:
            await lamp_shows(guest, "red", "red", "M-Bus fault")
            status = guest.main.locator("tr[data-field=mbus_status] td")
            await expect(status).not_to_contain_text(guest.words("Running"))
    for guest in guests:
        await lamp_shows(guest, RUNNING)


async def test_the_reset_button_held_for_ten_seconds_brings_the_default_user_back(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        site = stack.enter_context(demo_site(1))
        guests = [
            await stack.enter_async_context(visit(browser, site, Words(language))) for language in LANGUAGES
        ]
        for guest in guests:
            await guest.open("/login")
            await guest.fill_in_login(site.user, site.password)
            await expect(guest.title("Status")).to_be_visible()
        # A short press does nothing.
        first = guests[0]
        await hold(first, seconds=0.0)
        await first.page.reload()
        await expect(first.log_out_button).to_be_visible()
        for guest in guests:
            guest.may_answer, guest.may_fail = {401, 403}, True
        # One button, held from everywhere at once: ten seconds once.
        await asyncio.gather(*(hold(guest, seconds=HELD + 0.5) for guest in guests))
        for guest in guests:
            log_in = guest.page.locator("header.top").get_by_role("link", name=guest.words("Log in"))
            await expect(log_in).to_be_visible()
            await guest.open("/login")
            await guest.says_in_text("Log in with the default user to make your own user.")
        await first.fill_in_login(*FACTORY)
        await expect(first.title("First user")).to_be_visible()
        # And the users that were there are gone.
        guest = guests[-1]
        await guest.fill_in_login(site.user, site.password)
        await guest.says(guest.words("User name or password is wrong."))


async def hold(guest: Visit, seconds: float) -> None:
    """Hold the button on the page with the mouse, as long as a person does who looks at the clock."""
    button = guest.button("Reset button")
    await button.hover()
    async with guest.page.expect_response("**/panel/button"):
        await guest.page.mouse.down()
    await asyncio.sleep(seconds)
    await guest.page.mouse.up()
