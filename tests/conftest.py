"""Settings of all tests."""

import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says something about the machine and nothing about the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server of others, and put first what may take long.

    So at the end no process is alone with a long one, or waits for what another builds.
    """
    for item in items:
        if isinstance(item, pytest.Function) and "postgres" in _parameters(item):
            item.add_marker(pytest.mark.peers)
    longest: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        allowed = item.get_closest_marker("timeout")
        longest[item.path] = max(longest[item.path], float(allowed.args[0]) if allowed else 0.0)
    items.sort(key=lambda item: longest[item.path], reverse=True)


def _parameters(item: pytest.Function) -> list[str]:
    callspec = getattr(item, "callspec", None)
    return [] if callspec is None else callspec.id.split("-")


def pytest_sessionfinish() -> None:
    """End what tests of this process have shared; a worker that is ended from outside does nothing at its exit any more."""
    shared = sys.modules.get("support.postgres")
    if shared is not None:
        shared.stop_shared()


@pytest.fixture(autouse=True)
def _levels_of_logs_stay() -> Iterator[None]:
    """A test that starts the log as the gateway does leaves none of its levels behind."""
    loggers = [
        logging.getLogger(name) for name in ("", "asyncio", "mbus", "mbusio", "mbusmaster", "mbusheadend")
    ]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
