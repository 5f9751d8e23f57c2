"""Channels wait for the first user, once and for all."""

import asyncio
from pathlib import Path

import pytest

from mbusmaster.channels.gate import Gate


async def test_it_opens_with_the_first_user_and_tells_those_who_wait(tmp_path: Path) -> None:
    factory = [True]
    gate = Gate(tmp_path, lambda: factory[0])
    waiting = asyncio.create_task(gate.opened())
    gate.look()
    await asyncio.sleep(0)
    assert not gate.is_open
    assert not waiting.done()
    factory[0] = False
    gate.look()
    await waiting
    assert gate.is_open


async def test_it_stays_open_after_a_reset_also_over_a_restart(tmp_path: Path) -> None:
    gate = Gate(tmp_path, lambda: False)
    assert gate.is_open
    assert Gate(tmp_path, lambda: True).is_open


async def test_it_is_closed_in_the_factory_state_after_every_start(tmp_path: Path) -> None:
    assert not Gate(tmp_path, lambda: True).is_open
    assert not Gate(tmp_path, lambda: True).is_open


async def test_it_opens_also_where_the_mark_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Gate(tmp_path / "missing", lambda: False).is_open
    assert "cannot write" in caplog.text
