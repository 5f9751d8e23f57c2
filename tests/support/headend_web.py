"""The pages and the API of a head-end with real parts in a scratch folder, and a client that speaks to them in process."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from fastapi import FastAPI

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.backup import BackupDesk
from mbusheadend.firmware import Shelf
from mbusheadend.fleet.day import Day
from mbusheadend.fleet.desk import Desk
from mbusheadend.fleet.settings_desk import SettingsDesk
from mbusheadend.jobs import Jobs
from mbusheadend.metrics import Metrics
from mbusheadend.presence import Presence
from mbusheadend.roles import ADMIN
from mbusheadend.rollout.desk import RolloutDesk
from mbusheadend.settings import Settings
from mbusheadend.state import authority_of, open_store
from mbusheadend.tunnel import CourierHere, Tunnels
from mbusheadend.turnstile import Turnstile
from mbusheadend.upkeep import Upkeep
from mbusheadend.users import RULES
from mbusheadend.watch.watcher import Watcher
from mbusheadend.web.app import create_pages
from mbusheadend.web.first_admin import FirstAdmin
from mbusheadend.web.services import Services
from mbusweb.access import Access, Hasher
from support.access import QUICK
from support.plain_browser import PlainBrowser

NOW = datetime(2026, 11, 22, 9, 8, 7, tzinfo=UTC)
USER, PASSWORD = "anna", "a long passphrase"
HOST = "headend.example"
DOCUMENT = "/api/v1/openapi.json"


class WebClient(PlainBrowser):
    """A browser without scripts, and what is behind the pages."""

    def __init__(self, app: FastAPI, services: Services) -> None:
        super().__init__(app, f"https://{HOST}")
        self.app = app
        self.services = services
        self._schema: Any = None

    async def log_in(self, name: str = USER, password: str = PASSWORD) -> httpx.Response:
        await self.show("/login")
        return await self.submit("/login", name=name, password=password)

    async def token(self, role: str = "", user: str = USER) -> dict[str, str]:
        """Make a token; give the header that shows it."""
        _token, secret = await self.services.access.create_token(user, "for the test", role=role)
        return {"authorization": f"Bearer {secret}"}

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the API for a path below /api/v1; the answer must be one that its description has."""
        answer = await self.request(method, f"/api/v1{path}", **more)
        if self._schema is None:
            self._schema = schemathesis.openapi.from_dict((await self.get(DOCUMENT)).json())
        wanted = path.partition("?")[0]
        for template in sorted(self._schema, key=lambda one: str(one).count("{")):
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), wanted) and method in self._schema[template]:
                operation = self._schema[template][method]
                assert str(answer.status_code) in operation.definition.raw["responses"], answer.text
                operation.validate_response(answer)
                return answer
        raise AssertionError(f"{method} {path} is not described")

    def audited(self, kind: str) -> list[str]:
        """Give the details of entries of a kind, newest first."""
        return [entry.detail for entry in self.services.audit.entries(kind=kind)]


@asynccontextmanager
async def headend_services(folder: Path, **parts: Any) -> AsyncIterator[Services]:
    """Give services of real parts, with a cheap hash of passwords.

    :param parts: of `Services` that are not as usual.
    """
    settings = Settings(state_folder=folder, names=(HOST,))
    store = open_store(folder)
    access = Access(
        folder,
        RULES,
        clock=lambda: NOW,
        monotonic=time.monotonic,
        idle_minutes=lambda: 30,
        longest_hours=lambda: 12,
        hasher=Hasher(QUICK),
    )
    access.open()
    presence, jobs = Presence(), Jobs(lambda: NOW)
    day = Day(store, lambda: NOW)
    watcher = Watcher(store, lambda: NOW, folder, name=lambda: HOST)
    upkeep = Upkeep(store, settings.keep, lambda: NOW)
    services = Services(
        store=store,
        access=access,
        audit=access.audit,
        jobs=jobs,
        settings=settings,
        authority=authority_of(folder),
        presence=presence,
        desk=Desk(store, lambda: NOW, presence.is_connected, day, f"https://{HOST}:8443"),
        backups=BackupDesk(store, authority_of(folder), folder, lambda: NOW),
        metrics=Metrics(store, lambda: NOW, day, jobs, upkeep, presence.count, Turnstile()),
        watcher=watcher,
        upkeep=upkeep,
        first_admin=FirstAdmin(access),
        firmware=Shelf(folder),
        rollouts=RolloutDesk(store, Shelf(folder), lambda: NOW),
        fleet_settings=SettingsDesk(store, lambda: NOW),
        tunnels=Tunnels(
            store,
            CourierHere(),
            settings.tunnel,
            lambda: NOW,
            presence.is_connected,
            lambda who, source, detail: access.audit.record(
                AuditKind.TUNNEL, who=who, source=source, detail=detail
            ),
        ),
        now=lambda: NOW,
    )
    try:
        yield replace(services, **parts)
    finally:
        await jobs.close()
        watcher.delivery.close()
        access.close()
        store.close()


@asynccontextmanager
async def headend_web(folder: Path, role: str | None = ADMIN, **parts: Any) -> AsyncIterator[WebClient]:
    """Give a client of pages of its own, logged in as a user of a role; there is an administrator in any case.

    :param role: None is nobody, before the first user was made.
    :param parts: of `Services` that are not as usual.
    """
    async with headend_services(folder, **parts) as services:
        app = create_pages(services, (HOST,))
        async with WebClient(app, services) as client:
            if role is not None:
                if role != ADMIN:
                    await services.access.add_user("admin", PASSWORD, role=ADMIN)
                await services.access.add_user(USER, PASSWORD, role=role)
                await client.log_in()
            yield client
        app.state.streams.close()
        await asyncio.sleep(0)
