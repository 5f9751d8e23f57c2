"""The log as a whole: what goes to standard error, what is kept for the page, and when debug messages are made at all."""

import logging
from collections.abc import Iterator

import pytest

from mbusmaster.system.logs import LONGEST_CAPTURE, Logs

OURS = logging.getLogger("mbusmaster.bus.engine")
NAMES = ("", "mbus", "mbusio", "mbusmaster", "asyncio", "foreign")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logs(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in NAMES}
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    # Those of the test runner stay open.
    root.handlers.clear()
    yield Logs(monotonic=clock)
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def texts(logs: Logs) -> list[str]:
    return [line.text for line in logs.system.lines()]


def debug_texts(logs: Logs) -> list[str]:
    return [line.text for line in logs.debug.lines()]


def test_the_system_log_keeps_information_whatever_goes_to_standard_error(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start("error")
    OURS.debug("frame")
    OURS.info("ready")
    OURS.error("no %s", "converter")
    assert texts(logs) == ["ready", "no converter"]
    printed = capsys.readouterr().err
    assert "no converter" in printed
    assert "ready" not in printed


def test_lines_on_standard_error_have_time_level_and_name(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start("info")
    OURS.warning("two\nlines")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("Z WARNING mbusmaster.bus.engine: two | lines")
    assert texts(logs) == ["two | lines"]


def test_no_client_can_write_to_the_terminal_or_begin_a_line(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start("info")
    OURS.info("client %s", "\x1b[2J\r<3>forged\u2028é\udc80")
    assert texts(logs) == ["client \\x1b[2J\\x0d<3>forged\\x2028é\\xdc80"]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_under_systemd_they_have_the_weight_that_it_reads(
    logs: Logs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    logs.start("info")
    OURS.warning("hot")
    assert capsys.readouterr().err == "<4>mbusmaster.bus.engine: hot\n"


def test_debug_messages_are_not_made_until_somebody_wants_them(logs: Logs) -> None:
    logs.start("info")
    assert not OURS.isEnabledFor(logging.DEBUG)
    logs.capture_debug(60)
    assert OURS.isEnabledFor(logging.DEBUG)
    assert logs.capture_left == 60
    OURS.debug("frame")
    OURS.info("ready")
    assert debug_texts(logs) == ["frame", "ready"]
    assert texts(logs) == ["ready"]


def test_captured_debug_messages_do_not_flood_standard_error(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start("info")
    logs.capture_debug(60)
    OURS.debug("frame")
    assert capsys.readouterr().err == ""


def test_a_capture_ends_by_itself_and_what_it_caught_stays(logs: Logs, clock: Clock) -> None:
    logs.start("warning")
    logs.capture_debug(60)
    OURS.debug("caught")
    clock.now = 60.0
    assert logs.capture_left == 0
    OURS.debug("too late")
    assert not OURS.isEnabledFor(logging.DEBUG)
    assert debug_texts(logs) == ["caught"]


def test_a_capture_can_be_ended_and_is_never_longer_than_it_may(logs: Logs) -> None:
    logs.start("info")
    logs.capture_debug(1e9)
    assert logs.capture_left == LONGEST_CAPTURE
    logs.capture_debug(0)
    assert logs.capture_left == 0
    assert not OURS.isEnabledFor(logging.DEBUG)


def test_at_level_debug_our_messages_go_to_standard_error_and_those_of_others_do_not(
    logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start("debug")
    OURS.debug("frame")
    logging.getLogger("foreign").debug("form field: secret")
    printed = capsys.readouterr().err
    assert "frame" in printed
    assert "secret" not in printed
    assert texts(logs) == []
    assert debug_texts(logs) == []


def test_a_capture_at_level_debug_leaves_that_level_behind(logs: Logs, clock: Clock) -> None:
    logs.start("debug")
    logs.capture_debug(1)
    clock.now = 5.0
    OURS.debug("late")
    assert OURS.isEnabledFor(logging.DEBUG)


def test_an_exception_is_kept_in_one_line(logs: Logs) -> None:
    logs.start("info")
    try:
        raise RuntimeError("disk full")
    except RuntimeError:
        OURS.exception("the reset failed")
    (text,) = texts(logs)
    assert text.startswith("the reset failed | Traceback")
    assert text.endswith("RuntimeError: disk full")
