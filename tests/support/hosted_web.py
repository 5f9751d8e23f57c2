"""Pages and API of a gateway without a bus whose hosted reading is real, and hosted reading as a test wants it to stand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mbusmaster.audit_kinds import AuditKind
from mbusmaster.head_end import HostedByHeadEnd, Surroundings
from mbusmaster.hosting.state import CredentialState, HostedState
from mbusmaster.system.leds import ALL_DARK
from mbusmaster.web.app import create_app
from support.web import WebClient, web_services


@dataclass
class Stands:
    """Hosted reading that stands as a test says, and does nothing."""

    state: HostedState

    async def enrol(self, url: str, token: str) -> CredentialState:
        raise AssertionError("not wanted")

    async def leave(self) -> bool:
        raise AssertionError("not wanted")


@asynccontextmanager
async def hosted_web(folder: Path) -> AsyncIterator[tuple[WebClient, HostedByHeadEnd]]:
    """Give a client that is logged in."""
    with web_services(folder) as plain:
        hosted = HostedByHeadEnd(
            folder,
            Surroundings(
                settings=lambda: plain.settings.running,
                may_open=lambda: True,
                engines=(),
                meters=plain.meters,
                identity=plain.identity,
                panel=lambda: ALL_DARK,
                now=lambda: datetime.now(UTC),
                doubtful=lambda: False,
                belief=lambda: plain.time.belief,
                release=lambda: "",
                problems=lambda: (),
                record=lambda what, source: plain.audit.record(
                    AuditKind.HOSTING, who="", source=source, detail=what
                ),
            ),
        )
        services = replace(plain, hosted=hosted)
        forget = services.settings.subscribe(lambda _: hosted.look())
        working = asyncio.create_task(hosted.run())
        try:
            app = create_app(services)
            async with WebClient(app, services, interface="setup", base_url="http://10.0.0.1") as client:
                await client.log_in()
                yield client, hosted
        finally:
            forget()
            working.cancel()
            await asyncio.wait({working})


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)
