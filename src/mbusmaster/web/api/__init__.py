"""The JSON API under /api/v1: bearer tokens or the session of a page, errors as problem details, described by OpenAPI.

It is put together when it is first asked for, in a thread: a master whose API nobody uses pays nothing for it, and the bus does
not wait meanwhile. `assembly` does that; a module of the API has `router(services)`, and `DOOR` as pages do, or `CHECK`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from mbusio.meterfile import MAX_SIZE as LARGEST_LIST
from mbusmaster.settings.backup import MAX_SIZE as LARGEST_BACKUP
from mbusmaster.web.actions.firmware import MAX_SIZE as LARGEST_RELEASE
from mbusmaster.web.events import Streams
from mbusmaster.web.services import Services

PREFIX: Final = "/api/v1"
_SPARE: Final = 1 << 16
UPLOAD_LIMITS: Final = {
    f"{PREFIX}/meters/import": LARGEST_LIST + _SPARE,
    f"{PREFIX}/expected-meters": LARGEST_LIST + _SPARE,
    f"{PREFIX}/restore": LARGEST_BACKUP + _SPARE,
    f"{PREFIX}/firmware": LARGEST_RELEASE + _SPARE,
}
"""The longest body by path, of what takes more than a page's form."""


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


def create_api(services: Services, streams: Streams) -> Api:
    """Give the API, to be mounted at `PREFIX`."""

    def make() -> ASGIApp:
        from mbusmaster.web.api.assembly import assemble

        return assemble(services, streams)

    return Api(make)
