import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mbusmaster.helper import clock as deed
from mbusmaster.helper.clock import SystemClock, deeds
from mbusmaster.helper.errors import RefusedError

WAS = datetime(2026, 1, 2, tzinfo=UTC)
NEW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
FLOOR = datetime(2026, 6, 1, tzinfo=UTC)


class Machine:
    """The clocks of a machine, of which none is this one's."""

    def __init__(self, refusal: OSError | None = None, rtc: OSError | None = None) -> None:
        self.now = WAS.timestamp()
        self.rtc: datetime | None = None
        self._refusal, self._rtc_refusal = refusal, rtc

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.now, self._set, self._write)

    def _set(self, moment: float) -> None:
        if self._refusal:
            raise self._refusal
        self.now = moment

    def _write(self, moment: datetime) -> bool:
        if self._rtc_refusal:
            raise self._rtc_refusal
        self.rtc = moment
        return True


async def put(machine: Machine, moment: object) -> Mapping[str, Any]:
    table = deeds(machine.clock(), FLOOR)
    assert list(table) == ["clock.set"]
    return await table["clock.set"]({"moment": moment}, lambda facts: None)


async def test_both_clocks_are_set_and_what_was_and_is_comes_back() -> None:
    machine = Machine()
    assert await put(machine, "2026-11-22T10:08:07+01:00") == {
        "was": WAS.isoformat(),
        "becomes": NEW.isoformat(),
    }
    assert (machine.now, machine.rtc) == (NEW.timestamp(), NEW)


@pytest.mark.parametrize(
    ("moment", "template"),
    [
        ("2026-05-31T23:59:59+00:00", deed.TOO_EARLY),
        ("2100-01-01T00:00:00+00:00", deed.TOO_LATE),
        ("9999-12-31T23:59:59-12:00", deed.NO_MOMENT),
        ("2026-11-22T09:08:07", deed.NO_MOMENT),
        ("yesterday", deed.NO_MOMENT),
        ("2026-11-22T09:08:07+00:00" + " " * 99, deed.NO_MOMENT),
        (1_800_000_000, deed.NO_MOMENT),
        (None, deed.NO_MOMENT),
        (["2026-11-22T09:08:07+00:00"], deed.NO_MOMENT),
    ],
)
async def test_what_no_clock_should_say_is_refused(moment: object, template: str) -> None:
    machine = Machine()
    with pytest.raises(RefusedError) as refused:
        await put(machine, moment)
    assert refused.value.text.template == template
    assert (machine.now, machine.rtc) == (WAS.timestamp(), None)


async def test_a_system_that_refuses_is_told() -> None:
    with pytest.raises(RefusedError, match="Operation not permitted"):
        await put(Machine(PermissionError(1, "Operation not permitted")), NEW.isoformat())


async def test_a_clock_with_a_battery_that_fails_leaves_the_system_clock_set() -> None:
    machine = Machine(rtc=OSError(5, "Input/output error"))
    await put(machine, NEW.isoformat())
    assert machine.now == NEW.timestamp()


def test_a_machine_without_a_clock_with_a_battery_has_none_to_set(tmp_path: Path) -> None:
    assert not deed.write_rtc(NEW, tmp_path / "rtc0")


def test_the_clock_with_the_battery_is_handed_utc_as_the_kernel_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rtc0").touch()
    calls: list[tuple[int, bytes]] = []
    monkeypatch.setattr("fcntl.ioctl", lambda file, request, data: calls.append((request, data)))
    assert deed.write_rtc(datetime.fromisoformat("2026-11-22T10:08:07+01:00"), tmp_path / "rtc0")
    ((request, data),) = calls
    assert request == 0x4024700A
    assert struct.unpack("9i", data)[:6] == (7, 8, 9, 22, 10, 126)
