"""One browser and one demo for all tests of a worker."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, StorageState, expect

from support.browser import LANGUAGES, Site, Visit, Words, chromium, demo_site, visit
from support.needs import PROJECT

HERE = PROJECT / "tests" / "browser"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests run in the loop to which the browser belongs."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.process)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Words:
    return Words(request.param)


@pytest.fixture(scope="session")
def demo() -> Iterator[Site]:
    with demo_site() as site:
        yield site


@pytest.fixture(scope="session")
def profiles() -> dict[tuple[str, bool], StorageState]:
    """What browsers at the demo know: who came in one language, and logged in or not, need not do so again."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def guest(
    browser: Browser, demo: Site, words: Words, profiles: dict[tuple[str, bool], StorageState]
) -> AsyncIterator[Visit]:
    """A window at the demo, in each language, of somebody who is not logged in."""
    async with visit(browser, demo, words, profile=profiles.get((words.language, False))) as this:
        profiles.setdefault((words.language, False), await this.page.context.storage_state())
        yield this


@pytest_asyncio.fixture(loop_scope="session")
async def user(
    browser: Browser, demo: Site, words: Words, profiles: dict[tuple[str, bool], StorageState]
) -> AsyncIterator[Visit]:
    """The same, of a user who is logged in."""
    profile = profiles.get((words.language, True))
    async with visit(browser, demo, words, profile=profile) as this:
        # A user has so many logins at a time: newer ones end older ones.
        answer = await this.page.context.request.get(f"{demo.url}/users")
        if answer.url.partition("?")[0].endswith("/login"):
            await this.open("/login")
            await this.fill_in_login(demo.user, demo.password)
            await expect(this.log_out_button).to_be_visible()
            profiles[words.language, True] = await this.page.context.storage_state()
        yield this


@pytest_asyncio.fixture(loop_scope="session")
async def guests(browser: Browser, demo: Site) -> AsyncIterator[Sequence[Visit]]:
    """Five windows at once, one in each language: for what takes its time."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(visit(browser, demo, Words(language))) for language in LANGUAGES
        ]
