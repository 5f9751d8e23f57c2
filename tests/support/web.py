"""The web application with real parts in a scratch folder, and a client that speaks to it in process."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from mbusmaster.settings import Settings
from mbusmaster.system.clock import NoTimeService
from mbusmaster.system.hosted import NoHostedReading
from mbusmaster.system.identity import Identity, SerialSource
from mbusmaster.system.leds import PanelFacts
from mbusmaster.system.network import Network
from mbusmaster.system.panel import Panel
from mbusmaster.web.app import create_app
from mbusmaster.web.services import Services
from mbusmaster.web.visitor import INTERFACE

NOW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)


@dataclass
class StandInSession:
    id: str
    user: str
    is_factory: bool
    csrf: str


@dataclass
class StandInAccess:
    """Until the real one is there."""

    users_: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, StandInSession] = field(default_factory=dict)
    made: int = 0

    @property
    def is_factory(self) -> bool:
        return not self.users_

    def users(self) -> tuple[Any, ...]:
        return tuple(self.users_)

    async def add_user(self, name: str, password: str) -> None:
        self.users_[name] = password

    async def log_in(self, name: str, password: str, *, source: str, setup: bool) -> StandInSession:
        from mbusmaster.access.errors import LoginError, Problem

        factory = self.is_factory and setup and (name, password) == ("user", "Kamstrup1")
        if not factory and (name not in self.users_ or self.users_[name] != password):
            raise LoginError("wrong", Problem.WRONG_LOGIN)
        self.made += 1
        session = StandInSession(f"session-{self.made}", name, factory, f"token-{self.made}")
        self.sessions[session.id] = session
        return session

    def session(self, id: str) -> StandInSession | None:
        return self.sessions.get(id)

    def log_out(self, id: str) -> None:
        self.sessions.pop(id, None)

    def token(self, secret: str, *, source: str) -> str | None:
        return None


@dataclass
class StandInSettings:
    running: Settings = field(default_factory=Settings)
    problem: str = ""

    @property
    def stored(self) -> Settings:
        return self.running

    def change(self, changes: Any) -> tuple[Any, ...]:
        return ()

    def pending(self) -> tuple[Any, ...]:
        return ()


class StandInAudit:
    def __init__(self) -> None:
        self.records: list[tuple[str, str, str, str, str]] = []

    def record(self, kind: str, *, who: str, source: str, detail: str = "", outcome: str = "ok") -> None:
        self.records.append((kind, who, source, detail, outcome))


def make_services(folder: Path, **parts: Any) -> Services:
    services = Services(
        settings=StandInSettings(),
        access=StandInAccess(),
        audit=StandInAudit(),
        identity=Identity("SN12345", SerialSource.SETTING, "1.2.3", "1.2.3"),
        now=lambda: NOW,
        panel=Panel(lambda: PanelFacts(running=True)),
        network=Network(None, root=folder),
        time=NoTimeService("nts.example"),
        hosted=NoHostedReading(),
    )
    return replace(services, **parts)


class WebClient(httpx.AsyncClient):
    """A browser without scripts: keeps cookies, and sends with each form the token of the last page."""

    def __init__(self, app: FastAPI, services: Services, *, interface: str, base_url: str) -> None:
        async def from_interface(scope: Any, receive: Any, send: Any) -> None:
            scope[INTERFACE] = interface
            await app(scope, receive, send)

        transport = httpx.ASGITransport(
            from_interface, raise_app_exceptions=False, client=("192.0.2.7", 50000)
        )
        super().__init__(transport=transport, base_url=base_url)
        self.app = app
        self.services = services
        self.csrf = ""

    async def show(self, path: str) -> httpx.Response:
        """Get a page, following redirects, and keep the token of its forms."""
        answer = await self.get(path, follow_redirects=True)
        self._keep_token(answer)
        return answer

    async def submit(self, path: str, *, follow: bool = True, **values: str) -> httpx.Response:
        """Send a form, and follow where it leads."""
        answer = await self.post(path, data={"csrf": self.csrf, **values}, follow_redirects=follow)
        self._keep_token(answer)
        return answer

    async def log_in(self, name: str = "anna", password: str = "a long passphrase") -> httpx.Response:
        """Log in, as a user that is made before where there is none."""
        if self.services.access.is_factory and name != "user":
            await self.services.access.add_user(name, password)
        await self.show("/login")
        return await self.submit("/login", name=name, password=password)

    def _keep_token(self, answer: httpx.Response) -> None:
        found = re.search(r'name="csrf" value="([^"]+)"|X-CSRF-Token": "([^"]+)"', answer.text)
        if found:
            self.csrf = found[1] or found[2]


@asynccontextmanager
async def web_client(
    folder: Path, *, interface: str = "setup", base_url: str = "http://10.0.0.1", **parts: Any
) -> AsyncIterator[WebClient]:
    """Give a client of an application of its own.

    :param parts: of `Services` that are not as usual.
    """
    services = make_services(folder, **parts)
    async with WebClient(create_app(services), services, interface=interface, base_url=base_url) as client:
        yield client
