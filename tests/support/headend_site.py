"""The pages of a head-end on a port of loopback, for a browser; its store is in the hands of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from mbusheadend.roles import ADMIN
from mbusheadend.web.app import create_pages
from mbusheadend.web.services import Services
from support.browser import Site
from support.headend_web import PASSWORD, USER, headend_services


@dataclass(frozen=True, slots=True)
class HeadEndSite:
    """:ivar site: where a browser finds the pages, and the user who may all."""

    site: Site
    services: Services


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def headend_site(folder: Path) -> AsyncIterator[HeadEndSite]:
    """Serve the pages until the block ends."""
    async with headend_services(folder) as services:
        await services.access.add_user(USER, PASSWORD, role=ADMIN)
        app = create_pages(services, ("127.0.0.1",))
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        listener = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            async with asyncio.timeout(20):
                await server.ready.wait()
            port = listener.getsockname()[1]
            yield HeadEndSite(Site(f"http://127.0.0.1:{port}", USER, PASSWORD), services)
        finally:
            app.state.streams.close()
            server.should_exit = True
            await serving
            listener.close()
