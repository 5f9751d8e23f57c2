"""A store and a state folder for local reading."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusheadend.store import Store
from support.headend_store import KINDS


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "store"
    folder.mkdir()
    store = KINDS[request.param](folder)
    yield store
    store.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path
