"""Log files: bounded, kept over restarts and power cuts, and never in anybody's way."""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mbusmaster.settings import LogSettings
from mbusmaster.system import logfiles
from mbusmaster.system.logfiles import FileSeries, LogWriter
from mbusmaster.system.logs import Logs

SECONDS = 10.0
"""How long a test waits for another thread at the most."""


class Disk(FileSeries):
    """A disk that a test can stop, and fill."""

    def __init__(self, folder: Path, size: int = 1 << 20) -> None:
        super().__init__(folder, "system", ".log", size)
        self.goes = threading.Event()
        self.goes.set()
        self.is_full = False
        self.at_work = threading.Event()
        self.synced = 0

    def write(self, lines: list[tuple[int, bytes]]) -> None:
        self.at_work.set()
        assert self.goes.wait(SECONDS)
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(lines)

    def sync(self) -> None:
        self.synced += 1
        super().sync()


@pytest.fixture
def told() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def writer(told: list[tuple[str, int]]) -> Iterator[LogWriter]:
    made = LogWriter(lambda problem, lost: told.append((problem, lost)), monotonic=lambda: 0.0)
    yield made
    made.close()


def content(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.iterdir()))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Logs]]:
    made: list[Logs] = []

    def open_logs(**sizes: int) -> Logs:
        logs = Logs()
        logs.open(tmp_path, LogSettings.model_validate(sizes))
        made.append(logs)
        return logs

    yield open_logs
    for logs in made:
        logs.close()


def say(logs: Logs, *texts: str) -> None:
    for text in texts:
        logs.system.add(1_700_000_000.0, logging.INFO, "x", text)


def test_files_are_bounded_one_by_one_and_together(tmp_path: Path) -> None:
    series = FileSeries(tmp_path, "system", ".log", 4000)
    for number in range(1, 1001):
        series.write([(number, b"%099d\n" % number)])
    paths = series.paths()
    assert len(paths) == 4
    assert all(path.stat().st_size <= 1000 for _first, path in paths)
    assert paths[0][0] == 961
    assert b"".join(series.read()).startswith(b"%099d" % 961)
    assert next(series.lines_backwards()) == b"%099d" % 1000
    assert next(series.lines_backwards(971)) == b"%099d" % 970
    series.close()


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        series = FileSeries(tmp_path / "log", "system", ".log", 4000)
        series.write([(1, b"one\n")])
    finally:
        os.umask(old)
    ((_first, path),) = series.paths()
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750
    series.close()


def test_lines_survive_a_restart_and_numbers_go_on(opened: Callable[..., Logs]) -> None:
    first = opened()
    say(first, "one", "two")
    first.close()
    second = opened()
    say(second, "three")
    assert [(line.number, line.text) for line in second.system.lines()] == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
    ]
    assert [line.text for line in second.system.lines(after=1, limit=1)] == ["three"]
    assert [line.text for line in second.system.lines(before=3, text="TW")] == ["two"]


def test_what_was_logged_before_there_was_a_disk_is_on_it_too(tmp_path: Path) -> None:
    logs = Logs()
    say(logs, "early")
    logs.open(tmp_path, LogSettings())
    logs.close()
    assert "1 2023-11-14T22:13:20.000Z INFO    x: early\n" in content(tmp_path / "log")


@pytest.mark.parametrize("tail", [b"3 2023-11-14T22:1", b"\0" * 300, b"\xff\xfe", b"\n\n"])
def test_what_a_power_cut_left_of_the_last_line_harms_no_other(
    tmp_path: Path, opened: Callable[..., Logs], tail: bytes
) -> None:
    first = opened()
    say(first, "one", "two")
    first.close()
    (path,) = (tmp_path / "log").iterdir()
    with path.open("ab") as file:
        file.write(tail)
    second = opened()
    say(second, "three")
    second.close()
    third = opened()
    assert [line.text for line in third.system.lines()] == ["one", "two", "three"]
    assert [line.number for line in third.system.lines()] == [1, 2, 3]


def test_a_disk_that_stands_still_holds_nobody_up_and_what_does_not_fit_is_counted_and_told_once(
    tmp_path: Path, writer: LogWriter, told: list[tuple[str, int]]
) -> None:
    disk = Disk(tmp_path)
    disk.goes.clear()
    writer.put(disk, 1, "first", urgent=True)
    assert disk.at_work.wait(SECONDS)
    for number in range(logfiles.MOST_WAITING + 57):
        writer.put(disk, number + 2, "x")
    disk.goes.set()
    writer.flush(SECONDS)
    writer.put(disk, 9999, "last")
    writer.flush(SECONDS)
    writer.close()
    assert told == [("more was logged at once than the disk can take", 57), ("", 57)]
    assert content(tmp_path).count("\n") == logfiles.MOST_WAITING + 2


def test_a_full_disk_is_told_once_and_so_is_its_end(
    tmp_path: Path, writer: LogWriter, told: list[tuple[str, int]]
) -> None:
    disk = Disk(tmp_path)
    disk.is_full = True
    for number in range(3):
        writer.put(disk, number, "lost")
        writer.flush(SECONDS)
    assert told == [("No space left on device", 1)]
    assert writer.problem == "No space left on device"
    disk.is_full = False
    writer.put(disk, 4, "kept")
    writer.flush(SECONDS)
    writer.close()
    assert told[1:] == [("", 3)]
    assert content(tmp_path) == "kept\n"


def test_lines_wait_for_each_other_and_urgent_ones_do_not(tmp_path: Path, writer: LogWriter) -> None:
    disk = Disk(tmp_path)
    writer.put(disk, 1, "one")
    assert not disk.at_work.is_set()
    writer.put(disk, 2, "two", urgent=True)
    assert disk.at_work.wait(SECONDS)
    writer.flush(SECONDS)
    assert content(tmp_path) == "one\ntwo\n"
    assert disk.synced == 1


def test_a_flood_of_urgent_lines_does_not_wear_the_flash(tmp_path: Path, writer: LogWriter) -> None:
    disk = Disk(tmp_path)
    for number in range(50):
        writer.put(disk, number, "x", urgent=True)
        writer.flush(SECONDS)
    assert disk.synced == 1


def test_while_nothing_is_logged_there_is_no_thread_and_no_file(
    tmp_path: Path, opened: Callable[..., Logs]
) -> None:
    before = threading.active_count()
    opened()
    assert threading.active_count() == before
    assert list((tmp_path / "log").iterdir()) == []


def test_a_log_that_is_not_wanted_on_the_disk_stays_in_memory(
    tmp_path: Path, opened: Callable[..., Logs]
) -> None:
    logs = opened(system_size=0)
    say(logs, "one")
    logs.close()
    assert [line.text for line in logs.system.lines()] == ["one"]
    assert b"".join(logs.system.texts()).endswith(b"x: one\n")
    assert list((tmp_path / "log").iterdir()) == []


def test_a_folder_that_cannot_be_had_is_said_and_memory_still_has_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log").write_text("in the way")
    logs = Logs()
    logs.open(tmp_path, LogSettings())
    say(logs, "one")
    logs.close()
    assert "the log is kept in memory only" in caplog.text
    assert [line.text for line in logs.system.lines()] == ["one"]
