"""The JSON API under /api/v1: bearer tokens or the session of a page, errors as problem details, described by OpenAPI.

It is put together when it is first asked for, in a thread: where nobody uses it nothing is paid for it, and others do not wait
meanwhile. `assembly` does that; a module of the API has `router(services)`, and `DOOR` as pages do, or `CHECK`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX: Final = "/api/v1"


class Api:
    """The API, made when it is first asked for.

    :param make: puts it together, in another thread.
    """

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._made is None:
            async with self._making:
                if self._made is None:
                    self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)
