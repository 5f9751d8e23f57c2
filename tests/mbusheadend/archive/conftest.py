"""A second store for tests of the archive, of every kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusheadend.store import Store
from support.headend_store import KINDS


@pytest.fixture(params=sorted(KINDS))
def other_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "other"
    folder.mkdir()
    store = KINDS[request.param](folder)
    yield store
    store.close()
