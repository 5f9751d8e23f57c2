"""One browser, one demo and one window for each language, for all tests of a worker."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from mbusmaster.web.product import PRODUCT
from support.browser import LANGUAGES, Site, Visit, Words, chromium, demo_site, visit
from support.needs import PROJECT

HERE = PROJECT / "tests" / "browser"
Windows = Callable[[str, str], Awaitable[Visit]]


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


@pytest.fixture(scope="session")
def demo() -> Iterator[Site]:
    with demo_site() as site:
        yield site


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Words:
    return Words(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def windows(browser: Browser, demo: Site) -> AsyncIterator[Windows]:
    """Give windows at the demo, each of its own browser profile that has chosen a language, as good as new."""
    opened: dict[tuple[str, str], Visit] = {}
    async with AsyncExitStack() as stack:

        async def window(language: str, whose: str) -> Visit:
            key = language, whose
            if key not in opened:
                opened[key] = await stack.enter_async_context(visit(browser, demo, Words(language)))
            await opened[key].begin()
            return opened[key]

        yield window


@pytest_asyncio.fixture(loop_scope="session")
async def guest(windows: Windows, words: Words) -> AsyncIterator[Visit]:
    """A window, in each language, of somebody who is not logged in."""
    this = await windows(words.language, "guest")
    await this.page.context.clear_cookies(name=PRODUCT.session_cookie)
    yield this
    await this.end()


@pytest_asyncio.fixture(loop_scope="session")
async def guests(windows: Windows) -> AsyncIterator[Sequence[Visit]]:
    """Five windows at once, one in each language: for what takes its time."""
    these = [await windows(language, "guest") for language in LANGUAGES]
    for one in these:
        await one.page.context.clear_cookies(name=PRODUCT.session_cookie)
    yield these
    for one in these:
        await one.end()


@pytest_asyncio.fixture(loop_scope="session")
async def user(windows: Windows, demo: Site, words: Words) -> AsyncIterator[Visit]:
    """A window, in each language, of a user who is logged in."""
    this = await windows(words.language, "user")
    # A user has so many logins at a time: newer ones end older ones.
    answer = await this.page.context.request.get(f"{demo.url}/users")
    if answer.url.partition("?")[0].endswith("/login"):
        await this.open("/login")
        await this.fill_in_login(demo.user, demo.password)
        await this.logged_in()
    yield this
    await this.end()
