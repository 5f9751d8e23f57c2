"""Three nodes for all tests of the stream, and a store for each."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusheadend.store import Store
from support.headend_store import KINDS
from support.nats import Nodes, nodes


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Run three nodes; whoever kills one starts it again."""
    with nodes(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give a name for the streams of this test that no other has."""
    return re.sub(r"[^a-z]", "", request.node.name)[-24:]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    opened = KINDS["sqlite"](tmp_path)
    yield opened
    opened.close()
