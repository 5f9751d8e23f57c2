"""A real browser in front of a real gateway: pages in five languages, and everything that goes wrong behind them is a failure."""

import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    Response,
    ViewportSize,
    async_playwright,
    expect,
)

from mbusweb.locale.catalogue import catalogue_of
from support.needs import PROJECT, missing, program
from support.system import END_SECONDS, running

AXE: Final = PROJECT / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
LANGUAGES: Final = ("cs", "da", "de", "en", "es")
FACTORY: Final = ("user", "Kamstrup1")
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
WIDTHS: Final = (360, 800, 1440)
WAIT: Final = 10_000.0
"""Milliseconds after which something that should be on a page counts as missing."""
_STATUS_COMPLAINT: Final = "Failed to load resource: the server responded with a status of"


@dataclass(frozen=True, slots=True)
class Words:
    """Texts of the pages in one language, from the catalogue that the pages use."""

    language: str = "en"

    def __call__(self, text: str, **values: object) -> str:
        found = catalogue_of(self.language).gettext(text)
        return found % values if values else found

    def count(self, singular: str, plural: str, number: int, **values: object) -> str:
        found = catalogue_of(self.language).ngettext(singular, plural, number)
        return found % {"num": number, "count": number, **values}

    def braces(self, text: str, **values: object) -> str:
        """Give a text whose values stand in braces, as those about settings have."""
        return catalogue_of(self.language).gettext(text).format(**values)

    def around(self, text: str) -> re.Pattern[str]:
        """Give what a text with values in it looks like, whatever the values are."""
        parts = re.split(r"%\(\w+\)[sd]", catalogue_of(self.language).gettext(text))
        return re.compile(".+".join(map(re.escape, parts)))


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway that a browser can look at.

    :ivar url: without the slash at the end.
    :ivar offers: what the demo said, empty for a gateway of its own.
    """

    url: str
    user: str
    password: str
    offers: dict[str, Any] = field(default_factory=dict)


@contextmanager
def demo_site(meters: int = 6) -> Iterator[Site]:
    """Run the demo: a simulated bus and the gateway in front of it."""
    with running(
        "mbusmaster", "demo", "--json", "--no-head-end", "--speed", "fast", "--meters", str(meters)
    ) as started:
        offers = started.offers
        yield Site(offers["web"].rstrip("/"), offers["user"], offers["password"], offers)


@contextmanager
def factory_site(folder: Path) -> Iterator[Site]:
    """Run a gateway as it leaves the factory, without a bus; its pages keep their port over a restart."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    config = folder / "mbusmaster.toml"
    config.write_text(
        f'version = 3\nstate_folder = "{folder}/state"\n[web]\nsetup_interface = "none0"\nport = {port}\n'
        f'[[buses]]\nurl = "{folder}/no-such-device"\n'
        f"[channels]\ndiscovery = false\nsecured_tcp = {{enabled = false}}\nserial_port = {{enabled = false}}\n"
    )
    command = [sys.executable, "-m", "mbusmaster", "run", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = next((line for line in process.stderr if "the web pages are at" in line), "")
        assert line, "the gateway ended before its pages were there"
        yield Site(f"http://127.0.0.1:{port}", *FACTORY)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=END_SECONDS)
        finally:
            process.kill()
            process.wait()


async def launched(playwright: Playwright) -> Browser:
    """Start Debian's Chromium; it can reach this machine and nothing else."""
    program("chromium-headless-shell", "chromium-headless-shell")
    return await playwright.chromium.launch(
        executable_path=Path(__file__).with_name("chromium.sh"),
        args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
    )


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser in which pages are also looked at for barriers."""
    if not AXE.exists():
        missing("axe-core is not installed: make develop")
    expect.set_options(timeout=WAIT)
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """One browser window at a site: everything is found by what a person reads.

    :ivar may_answer: statuses of answers that are no trouble.
    :ivar may_fail: requests and event streams may break off: the master ends, or the login does.
    """

    def __init__(self, page: Page, site: Site, words: Words) -> None:
        self.page = page
        self.site = site
        self.words = words
        self.may_answer: set[int] = set()
        self.may_fail = False
        self.trouble: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    async def begin(self) -> None:
        """Be as a new window is, in the language that was chosen."""
        self.trouble, self.may_answer, self.may_fail = [], set(), False
        await self.page.set_viewport_size(DESK)
        await self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    async def end(self) -> None:
        """Fail if anything went wrong since the beginning; leave the page."""
        self.check()
        await self.page.goto("about:blank")

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.site.url}{path}")

    def title(self, text: str) -> Locator:
        """Find the page's heading, given in English."""
        return self.page.get_by_role("heading", level=1, name=self.words(text), exact=True)

    def field(self, label: str) -> Locator:
        """Find a field by its label, given in English; labels of switches count too."""
        return self.main.get_by_label(self.words(label), exact=True)

    def button(self, text: str) -> Locator:
        return self.main.get_by_role("button", name=self.words(text), exact=True)

    def link(self, text: str) -> Locator:
        return self.main.get_by_role("link", name=self.words(text), exact=True)

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    async def choose_language(self, language: str) -> None:
        """Choose a language as a person does, and go on in it."""
        await self.open("/languages")
        await self.field("Language").select_option(language)
        await self.button("Save").click()
        self.words = Words(language)
        await expect(self.page.locator("html")).to_have_attribute("lang", language)

    async def log_in(self, user: str = "", password: str = "") -> None:
        """Log in from the page that is shown, and wait until it is done."""
        await self.page.locator("header.top").get_by_role("link", name=self.words("Log in")).click()
        await self.fill_in_login(user or self.site.user, password or self.site.password)
        await self.logged_in()

    async def logged_in(self) -> None:
        """Wait until the page is that of a user."""
        await expect(self.log_out_button).to_be_visible()

    async def fill_in_login(self, user: str, password: str) -> None:
        await self.field("User name").fill(user)
        await self.field("Password").fill(password)
        await self.button("Log in").click()

    @property
    def log_out_button(self) -> Locator:
        return self.page.locator("header.top").get_by_role("button", name=self.words("Log out"), exact=True)

    async def says(self, text: str | re.Pattern[str]) -> None:
        """Wait for a banner with a text, translated already."""
        await expect(self.page.locator(".banner").filter(has_text=text).first).to_be_visible()

    async def says_in_text(self, text: str) -> None:
        """Wait for a text of the page, given in English."""
        await expect(self.main.get_by_text(self.words(text), exact=True)).to_be_visible()

    def problem_at(self, label: str) -> Locator:
        """Find what is said to be wrong with a field."""
        field = self.page.get_by_label(self.words(label), exact=True)
        return self.main.locator(".field").filter(has=field).locator(".problem")

    def check(self) -> None:
        """Fail if anything went wrong behind the page."""
        assert not self.trouble, "\n".join(self.trouble)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning") or message.text.startswith(_STATUS_COMPLAINT):
            return
        # htmx says of an event stream that broke off: "Event".
        if not (self.may_fail and ("net::ERR_" in message.text or message.text == "Event")):
            self.trouble.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site.url}/", "data:", "blob:", "about:blank")):
            self.trouble.append(f"asks another host: {request.url}")

    def _failed(self, request: Request) -> None:
        # A page that is left ends its event stream; a download is no page any more.
        if self.may_fail or (request.failure or "").endswith("ERR_ABORTED"):
            return
        self.trouble.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.may_answer:
            self.trouble.append(f"answered {response.status}: {response.url}")


@asynccontextmanager
async def visit(
    browser: Browser,
    site: Site,
    words: Words | None = None,
    **options: Any,
) -> AsyncIterator[Visit]:
    """Open a window of a new browser profile; at the end nothing may have gone wrong in it.

    :param words: the language, chosen on its page; without it the pages are English.
    :param options: of Playwright's `Browser.new_context`.
    """
    context: BrowserContext = await browser.new_context(
        **{"locale": "en-GB", "viewport": DESK, "timezone_id": "UTC", **options}
    )
    context.set_default_timeout(WAIT)
    try:
        this = Visit(await context.new_page(), site, Words())
        if words is not None:
            await this.choose_language(words.language)
        yield this
        this.check()
    finally:
        await context.close()


@asynccontextmanager
async def logged_in(browser: Browser, site: Site, **options: Any) -> AsyncIterator[Visit]:
    """Open a window of somebody who has logged in, as `visit` does."""
    async with visit(browser, site, **options) as this:
        await this.open("/login")
        await this.fill_in_login(site.user, site.password)
        await this.logged_in()
        yield this


async def expect_no_barriers(visit: Visit, paths: Iterable[str], scheme: Literal["light", "dark"]) -> None:
    """Look at pages on a phone, a tablet and a desk: each is no wider than the window, and keeps nobody out."""
    page = visit.page
    await page.emulate_media(color_scheme=scheme)
    for path in paths:
        await visit.open(path)
        await page.wait_for_load_state("networkidle")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path} is {wide} wide at {width}"
            # What one looks like is in the colours; the rest does not change with the width.
            rules = ("color-contrast",) if width != WIDTHS[-1] else ()
            assert await look_for_barriers(page, *rules) == [], (path, width)


async def look_for_barriers(page: Page, *rules: str) -> list[str]:
    """Let axe-core look at a page; give what is serious or critical for people who use it in another way.

    :param rules: only these; without them all.
    """
    if not await page.evaluate("() => 'axe' in window"):
        # As a script of the developer tools it is outside the pages' policy.
        await page.evaluate(AXE.read_text("utf-8") + "; 0")
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
