"""``GET /health`` where masters call: whether this process can do its work, for load balancers. Anybody may ask."""

import asyncio
import json
import logging
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mbusheadend.store import Store, StoreError

HEALTH: Final = "/health"
ASK_SECONDS: Final = 3.0
FRESH_SECONDS: Final = 1.0
"""For so long an answer of the store is good: whoever asks more often holds nothing up."""
_NO_CERTIFICATE: Final = 0

_log = logging.getLogger(__name__)


class Uploads(Protocol):
    """What takes uploads in the place of the store."""

    @property
    def trouble(self) -> str:
        """Why it cannot be used now; empty where it can be."""


class Health:
    """Answers 200 where uploads can be taken, 503 otherwise; the body says what works.

    With a stream a process without its store is of use: it takes uploads.
    """

    def __init__(self, store: Store, stream: Uploads | None = None) -> None:
        self._store = store
        self._stream = stream
        self._asking: asyncio.Task[bool] | None = None
        self._asked = float("-inf")

    def routes(self) -> list[Route]:
        """Give the endpoint."""
        return [Route(HEALTH, self._show, methods=["GET"])]

    async def _show(self, request: Request) -> Response:
        works = {"store": await self._has_store()}
        if self._stream is not None:
            works["stream"] = not self._stream.trouble
        is_well = works.get("stream", works["store"])
        body = json.dumps({"status": "ok" if is_well else "trouble", **works})
        headers = {"Cache-Control": "no-store"}
        return Response(body, 200 if is_well else 503, headers, "application/json")

    async def _has_store(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked > FRESH_SECONDS):
            self._asking, self._asked = asyncio.create_task(self._ask()), now
        done, _ = await asyncio.wait([self._asking], timeout=ASK_SECONDS)
        return bool(done) and self._asking.result()

    async def _ask(self) -> bool:
        try:
            await self._store.is_trusted(_NO_CERTIFICATE)
        except StoreError as error:
            _log.warning("asked how it is: %s", error)
            return False
        return True
