"""What a head-end does in the background: all of it, whatever becomes of one part."""

import asyncio
import logging
from pathlib import Path

import pytest

from mbusheadend.alarms.delivery import Delivery
from mbusheadend.upkeep import Upkeep
from mbusheadend.watch.look import Look
from support.headend import running


async def test_upkeep_that_fails_is_logged_and_ends_neither_watch_nor_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = {name: asyncio.Event() for name in ("upkeep", "look", "delivery")}

    async def broken(self: Upkeep) -> None:
        seen["upkeep"].set()
        raise ArithmeticError("nobody thought of this")

    async def look(self: Look) -> None:
        seen["look"].set()

    async def deliver(self: Delivery) -> None:
        await seen["upkeep"].wait()
        seen["delivery"].set()

    monkeypatch.setattr(Upkeep, "run", broken)
    monkeypatch.setattr(Look, "at_masters", look)
    monkeypatch.setattr(Delivery, "step", deliver)
    with caplog.at_level(logging.ERROR):
        async with running(tmp_path) as site, asyncio.timeout(20):
            for event in seen.values():
                await event.wait()
            assert site.url
    assert "nobody thought of this" in caplog.text
