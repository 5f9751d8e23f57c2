"""What a load balancer hears of a head-end."""

import asyncio
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from mbusheadend import health
from mbusheadend.store import Store, StoreError


class Parts:
    """A store and a stream that work or not."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.error: StoreError | None = None
        self.hangs = False
        self.asked = 0

    async def is_trusted(self, number: int) -> bool:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return False


async def answer(parts: Parts, *, stream: bool = False) -> tuple[int, Any]:
    app = Starlette(routes=health.Health(cast(Store, parts), parts if stream else None).routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        answers = [await client.get("/health") for _ in range(3)]
    assert parts.asked == 1
    return answers[0].status_code, answers[0].json()


async def test_a_head_end_with_its_store_is_well() -> None:
    assert await answer(Parts()) == (200, {"status": "ok", "store": True})


async def test_without_its_store_it_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts()
    parts.error = StoreError("gone")
    assert await answer(parts) == (503, {"status": "trouble", "store": False})
    hanging = Parts()
    hanging.hangs = True
    monkeypatch.setattr(health, "ASK_SECONDS", 0.01)
    assert await answer(hanging) == (503, {"status": "trouble", "store": False})


async def test_with_a_stream_it_takes_uploads_without_its_store() -> None:
    parts = Parts()
    parts.error = StoreError("gone")
    assert await answer(parts, stream=True) == (200, {"status": "ok", "store": False, "stream": True})


async def test_without_its_stream_it_takes_no_uploads() -> None:
    parts = Parts("no node answers")
    assert await answer(parts, stream=True) == (503, {"status": "trouble", "store": True, "stream": False})
