"""A desk over a real store, with a clock that the test sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from support.headend_fleet import Bench, bench


@pytest_asyncio.fixture
async def at_desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made
