"""A store whose server is away when a process begins."""

import asyncio
from pathlib import Path

import pytest

from mbusheadend.store import Store, StoreError
from mbusheadend.store import late as later
from mbusheadend.store.late import LateStore
from mbusheadend.store.sqlite.store import SqliteStore


async def test_calls_fail_until_it_is_there_and_are_its_own_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "AGAIN_SECONDS", 0.01)
    is_there = False

    def open_store() -> Store:
        if not is_there:
            raise StoreError("nobody answers")
        return SqliteStore(tmp_path / "store.db")

    late = LateStore(open_store, (StoreError,))
    store = late.here
    assert not await late.try_to_open()
    with pytest.raises(StoreError, match="nobody answers"):
        await store.masters()
    with pytest.raises(StoreError, match="nobody answers"):
        async with store.lease("any"):
            raise AssertionError("not reached")
    with store.changes.watch("M1") as news:
        store.changes.tell(["M1"])
        assert news.is_set()
    with pytest.raises(AttributeError):
        store.no_such_call  # type: ignore[attr-defined]  # noqa: B018
    is_there = True
    async with asyncio.timeout(20):
        await late.keep_trying()
    assert await store.masters() == ()
    async with store.lease("any") as lease:
        assert lease
    store.close()
