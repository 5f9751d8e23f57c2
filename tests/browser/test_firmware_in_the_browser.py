"""Release files dragged onto the firmware page, in front of a real helper with real slots (guide 3.1.7)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.settings.schema import WebSettings
from mbusmaster.web.app import create_app
from mbusmaster.web.server import WebServer
from mbusmaster.web.services import Services
from mbusreleases import errors
from support.browser import Site, Visit, visit
from support.releases import ReleaseMaker
from support.slots import Machine
from support.updates import Updating, updating
from support.web import Parts

PAGE = "/configuration/firmware"
USER, PASSWORD = "anna", "a long passphrase"
INSTALLED = 50


class Gateway:
    """A gateway whose pages stay at their address over its restarts."""

    def __init__(self, folder: Path, maker: ReleaseMaker) -> None:
        self.folder = folder
        self.maker = maker
        self.older = maker.good(INSTALLED - 1)
        self.machine = Machine(folder / "machine", maker.root, package=INSTALLED)
        self.parts = Parts(folder)
        self._port = 0

    @asynccontextmanager
    async def start(self) -> AsyncIterator[tuple[Site, Updating]]:
        """Run it once."""
        async with updating(self.folder, self.maker, self.machine) as updates:
            web = WebSettings.model_validate({"setup_interface": "none0", "port": self._port})
            server = WebServer(create_app(self._services(updates)), web)
            await server.start()
            self._port = int(server.urls[0].rstrip("/").rpartition(":")[2])
            try:
                yield Site(server.urls[0].rstrip("/"), USER, PASSWORD), updates
            finally:
                await server.stop()

    def _services(self, updates: Updating) -> Services:
        def audit(what: str, outcome: str) -> None:
            self.parts.access.audit.record(
                AuditKind.FIRMWARE, who="", source="", detail=what, outcome=outcome
            )

        updates.audit = audit
        return self.parts.services(update=updates.service)


async def drag(window: Visit, path: Path) -> None:
    """Drag a file of the disk onto the page, as from the desktop: the browser itself reads it."""
    box = await window.main.locator("fieldset.drop").bounding_box()
    assert box is not None
    at: dict[str, Any] = {"x": box["x"] + 20, "y": box["y"] + 20}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    session = await window.page.context.new_cdp_session(window.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        await session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    await session.detach()


@asynccontextmanager
async def user_at(browser: Browser, site: Site) -> AsyncIterator[Visit]:
    async with visit(browser, site) as window:
        await window.open(PAGE)
        await window.fill_in_login(site.user, site.password)
        await window.logged_in()
        yield window


@asynccontextmanager
async def gateway_in(folder: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(folder, ReleaseMaker(folder / "maker"))
    await gateway.parts.access.add_user(USER, PASSWORD)
    yield gateway
    gateway.parts.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def refusing(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Visit, Gateway]]:
    """One gateway and one window for all files that are refused."""
    async with (
        gateway_in(tmp_path_factory.mktemp("refusing")) as gateway,
        gateway.start() as (site, _updates),
        user_at(browser, site) as window,
    ):
        yield window, gateway


BAD: dict[str, tuple[Callable[[ReleaseMaker], Path], str]] = {
    "altered file": (lambda maker: maker.altered_file(60), errors.ALTERED_FILE),
    "altered metadata": (lambda maker: maker.altered_metadata(60), errors.ALTERED_METADATA),
    "keys of a stranger": (lambda maker: maker.wrong_signature(60), errors.WRONG_SIGNATURE),
    "expired": (lambda maker: maker.expired(60), errors.EXPIRED),
    "wrong name": (lambda maker: maker.wrong_name(60), errors.WRONG_NAME),
    "tar with ../": (lambda maker: maker.dotdot(60), errors.BAD_PATH),
    "link": (lambda maker: maker.links(60), errors.NO_PLAIN_FILE),
    "hard link": (lambda maker: maker.hard_link(60), errors.NO_PLAIN_FILE),
    "bomb": (lambda maker: maker.bomb(60), errors.TOO_MANY_FILES),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_file_that_is_dragged_onto_the_page_is_refused_with_its_reason(
    refusing: tuple[Visit, Gateway], kind: str
) -> None:
    window, gateway = refusing
    make, reason = BAD[kind]
    await window.open(PAGE)
    # The page shows what became of the file before, too, until the upload has led to a new one.
    async with window.page.expect_navigation():
        await drag(window, make(gateway.maker))
    problem = window.main.locator("#update-state .problem")
    await expect(problem).to_have_text(window.words.around(reason))
    await expect(window.main.locator("#update-state strong")).to_have_text("Failed")
    await expect(window.main.locator("ol.log li").first).to_contain_text("Refused")
    assert gateway.machine.runs() == "package"


async def test_an_older_release_that_is_dragged_onto_the_page_is_refused(
    refusing: tuple[Visit, Gateway],
) -> None:
    window, gateway = refusing
    await window.open(PAGE)
    async with window.page.expect_navigation():
        await drag(window, gateway.older)
    # Whether its number or its metadata is looked at first depends on what was offered before.
    problem = window.main.locator("#update-state .problem")
    await expect(problem).to_contain_text("older than")


async def test_a_file_of_two_gigabytes_is_refused_before_it_is_sent(refusing: tuple[Visit, Gateway]) -> None:
    window, gateway = refusing
    await window.open(PAGE)
    await drag(window, gateway.maker.huge(61))
    await expect(window.main.locator("#file-problem")).to_have_text(
        "This file is too big for a firmware file."
    )
    await drag(window, Path(__file__))
    await expect(window.main.locator("#file-problem")).to_contain_text("its name must be like")


@pytest.mark.parametrize("kind", ["good", "rotated"])
async def test_a_good_file_is_installed_the_page_follows_over_the_restart_and_shows_the_result(
    browser: Browser, tmp_path: Path, kind: str
) -> None:
    async with gateway_in(tmp_path) as gateway:
        make = getattr(gateway.maker, kind)
        async with gateway.start() as (site, updates):
            window_open = user_at(browser, site)
            window = await window_open.__aenter__()
            await drag(window, make(60))
            await updates.restarted.wait()
            await expect(window.main.locator("#update-state")).to_contain_text(
                "Installed: the master restarts"
            )
            window.may_fail = True
        async with gateway.start():
            await expect(window.main.locator("#update-state")).to_contain_text("Release 0060 is installed.")
            facts = window.main.locator("table.facts")
            await expect(facts).to_contain_text("0060")
            await window_open.__aexit__(None, None, None)
        assert gateway.machine.runs() == "release 60"


async def test_a_release_that_is_taken_back_is_said_on_the_page(browser: Browser, tmp_path: Path) -> None:
    async with gateway_in(tmp_path) as gateway:
        gateway.machine.install(gateway.maker.crashes_at_start(60))
        for _ in range(3):
            gateway.machine.start()
        async with gateway.start() as (site, _updates), user_at(browser, site) as window:
            text = "Release 0060 did not start and was taken back: Release 60 was started 3 times"
            await expect(window.main.locator("#update-state .problem")).to_contain_text(text)
