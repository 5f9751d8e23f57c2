import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.helper.client import Helper
from mbusmaster.helper.errors import HelperGoneError
from mbusmaster.system import time_texts as texts
from mbusmaster.system.time_config import machine_config, write_machine_config
from mbusmaster.system.time_floor import hold_floor
from mbusmaster.system.time_memory import FILE, Known, TimeMemory
from mbusweb.texts import Text

RELEASE = datetime(2026, 6, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)


class FakeHelper(Helper):
    """Keeps what it was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(Path("/nowhere"))
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self._error = error

    async def do(
        self, verb: str, arguments: Mapping[str, Any] | None = None, *, told: object = None
    ) -> Mapping[str, Any]:
        if self._error:
            raise self._error
        self.asked.append((verb, arguments or {}))
        return {}


async def hold(memory: TimeMemory, now: datetime, helper: Helper) -> Text:
    return await hold_floor(memory, helper=helper, now=lambda: now, release=RELEASE)


async def test_a_clock_above_the_floor_is_left_alone(tmp_path: Path) -> None:
    helper = FakeHelper()
    assert not await hold(TimeMemory(tmp_path), LATER, helper)
    assert not helper.asked


async def test_a_clock_before_the_release_is_put_to_it(tmp_path: Path) -> None:
    helper = FakeHelper()
    doubt = await hold(TimeMemory(tmp_path), datetime(1970, 1, 1, tzinfo=UTC), helper)
    assert doubt.template == texts.BELOW_FLOOR
    assert helper.asked == [("clock.set", {"moment": RELEASE.isoformat()})]


async def test_a_clock_before_the_last_time_that_is_known_is_put_to_that(tmp_path: Path) -> None:
    memory = TimeMemory(tmp_path)
    memory.change(time=LATER)
    memory.save()
    helper = FakeHelper()
    assert await hold(TimeMemory(tmp_path), RELEASE, helper)
    assert helper.asked == [("clock.set", {"moment": LATER.isoformat()})]


async def test_a_clock_that_cannot_be_put_right_is_told_to_be_doubtful(tmp_path: Path) -> None:
    doubt = await hold(TimeMemory(tmp_path), datetime(1970, 1, 1, tzinfo=UTC), Helper(tmp_path / "none"))
    assert doubt.template == texts.STILL_BELOW
    assert "helper" in str(doubt)
    assert await hold(TimeMemory(tmp_path), RELEASE.replace(year=2025), FakeHelper(HelperGoneError("gone")))


async def test_a_helper_that_never_answers_does_not_keep_the_gateway_from_starting(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(say_nothing, tmp_path / "helper"):
        helper, early = Helper(tmp_path / "helper"), RELEASE.replace(year=2025)
        doubt = await hold_floor(
            TimeMemory(tmp_path), helper=helper, now=lambda: early, release=RELEASE, seconds=0.01
        )
    assert doubt.template == texts.STILL_BELOW


async def test_a_memory_of_the_far_future_is_no_floor(tmp_path: Path) -> None:
    memory = TimeMemory(tmp_path)
    memory.change(time=datetime(2150, 1, 1, tzinfo=UTC))
    assert not await hold(memory, LATER, FakeHelper())


def test_what_is_known_outlasts_a_restart(tmp_path: Path) -> None:
    memory = TimeMemory(tmp_path)
    memory.change(time=LATER, synchronised=RELEASE, set=LATER, boot="b")
    memory.save()
    assert TimeMemory(tmp_path).known == Known(LATER, RELEASE, LATER, "b")
    assert TimeMemory(tmp_path).known.right == LATER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"time": 5}',
        b'{"time": "soon"}',
        b'{"time": "2026-01-01T00:00:00"}',
        b"[" * 9999,
        b"\xff",
    ],
)
def test_a_damaged_memory_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert TimeMemory(tmp_path).known == Known()


def test_a_disk_that_refuses_is_survived(tmp_path: Path) -> None:
    TimeMemory(tmp_path / "none").save()
    TimeMemory(None).save()


def test_dates_of_certificates_count_only_where_the_clock_is_known(tmp_path: Path) -> None:
    assert "nocerttimecheck" not in machine_config(is_clock_known=True)
    write_machine_config(tmp_path / "time", is_clock_known=False)
    assert "\nnocerttimecheck 1\n" in (tmp_path / "time" / "machine.conf").read_text()


def test_a_disk_that_does_not_take_the_file_is_survived(tmp_path: Path) -> None:
    write_machine_config(tmp_path / "none" / "time", is_clock_known=False)
