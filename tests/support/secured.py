"""The secured channel in this process, and clients of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbusmaster.channels.secured_tcp import SecuredTcpChannel
from mbusmaster.channels.trust import ServerNames, Trust
from mbusmaster.settings.schema import SecuredTcpSettings
from support.certificates import Pem
from support.gateway import Gateway, Streams, gateway
from support.sharedbus import StrictMeter

NAMES = ServerNames(("localhost",), ("127.0.0.1", "::1"), "12345")


@dataclass
class Secured:
    """What a test may look at."""

    plain: Gateway
    channel: SecuredTcpChannel
    trust: Trust
    folder: Path

    @property
    def port(self) -> int:
        return self.channel.endpoints[0][1]

    def bundle(self, name: str) -> Path:
        """Issue a client's bundle; give the PEM file."""
        path = self.folder / f"{name}.bundle.pem"
        path.write_bytes(self.trust.issue(name, None).pem())
        return path

    async def connect(self, client: Path | Pem | None, *, old: bool = False) -> Streams:
        """Connect; with TLS 1.2 only if `old`."""
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.client_context(client, old=old))

    async def settled(self) -> None:
        """Wait until every connection there is now has ended."""
        tasks = [connection.task for connection in self.channel._connections if connection.task]
        if tasks:
            await asyncio.wait(tasks)

    def client_context(self, client: Path | Pem | None, *, old: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.trust.authority_pem().decode())
        if old:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if isinstance(client, Pem):
            context.load_cert_chain(client.certificate, client.key)
        elif client is not None:
            context.load_cert_chain(client)
        return context


@asynccontextmanager
async def secured(folder: Path, meters: Sequence[StrictMeter] = (), **channel: Any) -> AsyncIterator[Secured]:
    """Run a gateway whose secured channel listens on any port of loopback."""
    trust = Trust(folder / "trust", lambda: NAMES)
    async with gateway(meters or [StrictMeter(5, "12345678")]) as plain:
        settings = SecuredTcpSettings.model_validate({"port": 0, "bind": ["127.0.0.1"], **channel})
        running = SecuredTcpChannel(settings, plain.engine, trust)
        await running.start()
        try:
            yield Secured(plain, running, trust, folder)
        finally:
            await running.stop()
            trust.close()
