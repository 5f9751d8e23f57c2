"""The audit log: newest first, bounded, harmless wherever it is shown."""

import csv
import io
import threading
from itertools import chain
from pathlib import Path

import pytest

from mbusweb.access import Access, AccessKind, LoginError
from mbusweb.access import audit as module
from mbusweb.access.database import Database
from mbusweb.access.posting import MOST_PENDING
from support.access import GOOD, Clocks, open_access

HERE = "192.168.1.7"


def test_entries_come_newest_first_page_by_page(access: Access) -> None:
    for number in range(25):
        access.audit.record("download", who="a", source=HERE, detail=str(number))
    pages = []
    before = None
    while page := access.audit.entries(before, limit=10):
        pages.append([entry.detail for entry in page])
        before = page[-1].id
    assert [len(page) for page in pages] == [10, 10, 5]
    assert list(chain(*pages)) == [str(number) for number in range(24, -1, -1)]


def test_entries_can_be_chosen_by_kind_and_by_who(access: Access, clocks: Clocks) -> None:
    access.audit.record(AccessKind.DOWNLOAD, who="a", source=HERE)
    access.audit.record(AccessKind.SETTINGS_CHANGED, who="b", source=HERE, detail="time.zone: UTC")
    access.audit.record(AccessKind.SETTINGS_CHANGED, who="a", source=HERE, outcome="refused")
    assert [entry.who for entry in access.audit.entries(kind="settings changed")] == ["a", "b"]
    (entry,) = access.audit.entries(kind="settings changed", who="b")
    assert (entry.at, entry.source, entry.detail, entry.outcome) == (clocks.now, HERE, "time.zone: UTC", "ok")


def test_the_oldest_go(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.MOST_ENTRIES == 10_000
    monkeypatch.setattr(module, "MOST_ENTRIES", 20)
    for number in range(50):
        access.audit.record("download", who="a", source=HERE, detail=str(number))
    assert [entry.detail for entry in access.audit.entries(limit=500)] == [
        str(number) for number in range(49, 29, -1)
    ]


def test_failed_logins_do_not_drive_out_the_rest(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FAILED", 5)
    access.audit.record(AccessKind.BACKUP, who="a", source=HERE)
    for _ in range(30):
        access.audit.record(AccessKind.LOGIN_FAILED, who="", source=HERE)
    kinds = [entry.kind for entry in access.audit.entries()]
    assert kinds == ["login failed"] * 5 + ["backup"]


def test_nothing_in_an_entry_steers_what_shows_it(access: Access) -> None:
    access.audit.record(
        "down\x1b[2Jload", who="a\r\nb", source="\u202egro", detail="x\x00y\u2028z\ud800", outcome="o\tk"
    )
    (entry,) = access.audit.entries()
    assert entry.kind == "down·[2Jload"
    assert entry.who == "a b"
    assert entry.source == "·gro"
    assert entry.detail == "x·y z·"
    assert entry.outcome == "o k"


def test_every_text_is_cut_to_a_length(access: Access) -> None:
    access.audit.record(
        "k" * 10**6, who="w" * 10**6, source="s" * 10**6, detail="d" * 10**6, outcome="o" * 10**6
    )
    (entry,) = access.audit.entries()
    lengths = [len(text) for text in (entry.kind, entry.who, entry.source, entry.detail, entry.outcome)]
    assert lengths == [64, 64, 64, 500, 64]


def test_a_page_is_bounded(access: Access) -> None:
    for _ in range(module.MOST_AT_ONCE + 5):
        access.audit.record("download", who="a", source=HERE)
    assert len(access.audit.entries(limit=10**9)) == module.MOST_AT_ONCE
    assert access.audit.entries(limit=-1) == ()


def test_the_csv_has_all_entries_and_no_formula(access: Access) -> None:
    for number in range(module.MOST_AT_ONCE + 3):
        access.audit.record("download", who="=HYPERLINK(1)", source="@x", detail=f'{number}, "quoted"')
    rows = list(csv.reader(io.StringIO("".join(access.audit.csv()), newline="")))
    assert rows[0] == ["time", "kind", "who", "source", "outcome", "detail"]
    assert len(rows) == module.MOST_AT_ONCE + 4
    assert rows[1][0] == "2026-03-04T05:06:07.000+00:00"
    assert rows[1][1:4] == ["download", "'=HYPERLINK(1)", "'@x"]
    assert rows[-1][5] == '0, "quoted"'


def test_a_log_that_cannot_be_written_is_said_in_the_systems_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_access(tmp_path / "nowhere") as access:
        access.audit.record("bus write", who="reader", source=HERE)
        assert access.audit.entries() == ()
        assert "".join(access.audit.csv()).count("\n") == 1
    assert "lost: audit entry 'bus write' of 'reader'" in caplog.text


def test_a_flood_loses_entries_and_says_so_in_two_lines(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    may_write = threading.Event()
    assert isinstance(access._database, Database)
    access._database._thread.submit(may_write.wait)
    for _ in range(MOST_PENDING + 500):
        access.audit.record("bus write", who="reader", source=HERE)
    may_write.set()
    assert access.audit.entries()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("lost: audit entry 'bus write' of 'reader'")
    assert lines[1:] == ["500 things were lost; from now on they are written again"]


async def test_logins_are_in_it_with_time_and_source_and_a_name_only_where_it_is_a_users(
    access: Access, clocks: Clocks
) -> None:
    await access.add_user("a", GOOD, who="user", source="10.0.0.2")
    await access.log_in("A", GOOD, source=HERE, setup=False)
    for name in ("a", "tractor-lamp-91"):
        with pytest.raises(LoginError):
            await access.log_in(name, "wrong", source=HERE, setup=False)
    unknown, wrong, login = access.audit.entries(limit=3)
    assert (login.kind, login.who, login.source, login.at) == ("login", "a", HERE, clocks.now)
    assert (wrong.kind, wrong.who, wrong.outcome) == ("login failed", "a", "refused")
    assert (unknown.kind, unknown.who, unknown.detail) == ("login failed", "", "no such user")
