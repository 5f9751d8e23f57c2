"""What tests of users share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mbusweb.access import Access
from support.access import Clocks, open_access


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def access(tmp_path: Path, clocks: Clocks) -> Iterator[Access]:
    with open_access(tmp_path, clocks) as access:
        yield access
