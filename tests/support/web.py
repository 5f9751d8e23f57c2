"""The web application with real parts in a scratch folder, and a client that speaks to it in process."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from argon2 import Parameters, Type
from fastapi import FastAPI

from mbusmaster.meterlist import MeterList, Scanner
from mbusmaster.settings import Settings, SettingsService, Store
from mbusmaster.system.button import VirtualButton
from mbusmaster.system.clock import NoTimeService
from mbusmaster.system.identity import Identity, SerialSource
from mbusmaster.system.leds import PanelFacts
from mbusmaster.system.network import Network
from mbusmaster.system.panel import Panel
from mbusmaster.users import RULES
from mbusmaster.web.app import create_app
from mbusmaster.web.services import Services
from mbusweb.access import Access, Hasher
from mbusweb.visitor import INTERFACE
from support.plain_browser import PlainBrowser

NOW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
CHEAP = Parameters(Type.ID, 19, 16, 32, 1, 8, 1)


class Parts:
    """Real parts of a master that has no bus, in a scratch folder, with a cheap hash of passwords."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        store = Store(folder / "mbusmaster.toml")
        store.save(settings or Settings())
        self.settings = SettingsService(store, store.load())
        self.access = Access(
            folder,
            RULES,
            clock=lambda: NOW,
            monotonic=time.monotonic,
            idle_minutes=lambda: 30,
            longest_hours=lambda: 12,
            hasher=Hasher(CHEAP),
        )
        self.access.open()
        self.meters = MeterList(folder / "meters.db", clock=lambda: NOW)
        self.button = VirtualButton()

    def services(self, **parts: Any) -> Services:
        """Give them, with other ones in the place of some."""
        services = Services(
            settings=self.settings,
            access=self.access,
            audit=self.access.audit,
            meters=self.meters,
            scanner=Scanner((), self.meters, clock=lambda: NOW),
            identity=Identity("SN12345", SerialSource.SETTING, "1.2.3", "1.2.3"),
            panel=Panel(lambda: PanelFacts(running=True)),
            network=Network(None, root=Path("/nowhere")),
            time=NoTimeService("nts.example"),
            now=lambda: NOW,
            button=self.button,
        )
        return replace(services, **parts)

    def close(self) -> None:
        self.meters.close()
        self.access.close()


@contextmanager
def web_services(folder: Path, settings: Settings | None = None, **parts: Any) -> Iterator[Services]:
    """Give services of real parts until the block ends.

    :param parts: of `Services` that are not as usual.
    """
    made = Parts(folder, settings)
    try:
        yield made.services(**parts)
    finally:
        made.close()


class WebClient(PlainBrowser):
    """A browser without scripts, and what is behind the pages."""

    def __init__(self, app: FastAPI, services: Services, *, interface: str, base_url: str) -> None:
        async def from_interface(scope: Any, receive: Any, send: Any) -> None:
            scope[INTERFACE] = interface
            await app(scope, receive, send)

        super().__init__(from_interface, base_url)
        self.app = app
        self.services = services

    async def log_in(self, name: str = "anna", password: str = "a long passphrase") -> httpx.Response:
        """Log in, as a user that is made before where there is none."""
        if self.services.access.is_factory and name != "user":
            await self.services.access.add_user(name, password)
        await self.show("/login")
        return await self.submit("/login", name=name, password=password)


@asynccontextmanager
async def web_client(
    folder: Path,
    *,
    interface: str = "setup",
    base_url: str = "http://10.0.0.1",
    settings: Settings | None = None,
    **parts: Any,
) -> AsyncIterator[WebClient]:
    """Give a client of an application of its own.

    :param parts: of `Services` that are not as usual.
    """
    with web_services(folder, settings, **parts) as services:
        app = create_app(services)
        async with WebClient(app, services, interface=interface, base_url=base_url) as client:
            yield client
