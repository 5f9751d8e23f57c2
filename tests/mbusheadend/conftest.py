"""The store of a head-end, of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusheadend.store import Store
from support.headend_store import KINDS


@pytest.fixture(params=sorted(KINDS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give an empty store, in a folder of its own."""
    folder = tmp_path / "store"
    folder.mkdir()
    opened = KINDS[request.param](folder)
    yield opened
    opened.close()
