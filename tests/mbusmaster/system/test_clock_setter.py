"""The clock set through the helper's socket, and what comes of it."""

import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.clock import SystemClock, deeds
from mbusmaster.helper.server import HelperServer
from mbusmaster.system.clock import ClockChange, ClockRefusedError, ClockSetter
from mbusmaster.system.clock_setter import HelperClock
from mbusmaster.system.unavailable import NotAvailableError

WAS = datetime(2026, 1, 2, tzinfo=UTC)
NEW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
FLOOR = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
async def helper(tmp_path: Path) -> AsyncIterator[Helper]:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "helper"))
    clock = SystemClock(lambda: WAS.timestamp(), lambda moment: None, lambda moment: True)
    server = await HelperServer(deeds(clock, FLOOR), [os.getuid()]).start(sock)
    async with server:
        yield Helper(tmp_path / "helper")


async def test_the_clock_is_set_and_who_must_know_is_told(helper: Helper) -> None:
    told: list[ClockChange] = []
    clock: ClockSetter = HelperClock(helper, told.append, floor=FLOOR)
    assert clock.unavailable == ""
    assert await clock.set(NEW) == ClockChange(WAS, NEW)
    assert told == [ClockChange(WAS, NEW)]


@pytest.mark.parametrize("floor", [FLOOR, WAS], ids=["here", "by the helper"])
async def test_a_time_before_the_release_is_refused(helper: Helper, floor: datetime) -> None:
    told: list[ClockChange] = []
    with pytest.raises(ClockRefusedError, match="before 2026-06-01 00:00") as refused:
        await HelperClock(helper, told.append, floor=floor).set(datetime(2026, 3, 1, tzinfo=UTC))
    assert "%(floor)s" in refused.value.text.template
    assert not told


async def test_without_a_helper_nothing_is_set_and_that_is_said(tmp_path: Path) -> None:
    clock = HelperClock(Helper(tmp_path / "none"))
    assert "nothing is changed" in clock.unavailable
    with pytest.raises(NotAvailableError):
        await clock.set(NEW)
