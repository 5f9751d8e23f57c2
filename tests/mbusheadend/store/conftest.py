"""The store under test, of each kind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mbusheadend.store import Store
from support.headend_store import KINDS

Opener = Callable[[], Store]


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Open the one store of this test, again and again; what is open at the end is closed."""
    stores: list[Store] = []

    def open_one() -> Store:
        stores.append(KINDS[request.param](tmp_path))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Opener) -> Store:
    """Give an empty store."""
    return opened()
