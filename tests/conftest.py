"""Settings of all tests."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says something about the machine and nothing about the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


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
