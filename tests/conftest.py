"""Settings of all tests."""

import pytest
from hypothesis import settings

# How long an example takes says something about the machine and nothing about the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what waits for other programs: nothing is left to fill those waits at the end."""
    items.sort(key=lambda item: item.get_closest_marker("peers") is None)
