"""The limit of open files is raised to what many clients need, and no further."""

import resource

import pytest

from mbusmaster.system.open_files import make_room


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limit of a process of its own; `[-1]` is in force."""
    known = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: known[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, limit: known.append(limit))
    return known


def test_what_is_enough_stays_as_it_is(limits: list[tuple[int, int]]) -> None:
    make_room(1000)
    assert limits == [(1024, 4096)]


def test_the_limit_is_raised_to_what_is_needed(
    limits: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    make_room(3000)
    assert limits[-1] == (3000, 4096)
    assert caplog.text == ""


def test_where_the_system_allows_less_the_log_says_what_to_do(
    limits: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    make_room(9000)
    assert limits[-1] == (4096, 4096)
    assert "LimitNOFILE" in caplog.text
