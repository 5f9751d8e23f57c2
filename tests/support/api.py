"""The JSON API with real parts: a bus in memory with one meter, users, a token, trust, logs."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import schemathesis

from mbusmaster.bus.engine import BusEngine
from mbusmaster.channels.trust import Trust
from mbusmaster.meterlist import Scanner
from mbusmaster.system.logs import Logs
from mbusmaster.system.restart import Restart
from mbusmaster.web.app import create_app
from support.gateway import gateway
from support.sharedbus import StrictMeter
from support.web import NOW, Parts, WebClient

PASSWORD = "a long passphrase"
METER = "12345678"
DOCUMENT = "/openapi.json"
_schema: list[Any] = []
"""The description, the same for all tests."""


class ApiClient:
    """A program with the token of a user."""

    def __init__(self, web: WebClient, secret: str, engine: BusEngine) -> None:
        self.web = web
        self.services = web.services
        self.secret = secret
        self.engine = engine

    async def ask(self, method: str, path: str, *, token: bool = True, **more: Any) -> httpx.Response:
        """Ask for a path below /api/v1; the answer must be one that the description of the API has.

        :param more: as for httpx: json, content, params.
        """
        headers = {"authorization": f"Bearer {self.secret}"} if token else {}
        answer = await self.web.request(method, f"/api/v1{path}", headers=headers, **more)
        if path != DOCUMENT:
            await self._check(method, path, answer)
        return answer

    async def _check(self, method: str, path: str, answer: httpx.Response) -> None:
        if not _schema:
            _schema.append(schemathesis.openapi.from_dict((await self.web.get(f"/api/v1{DOCUMENT}")).json()))
        operation = _operation(method, path.partition("?")[0])
        assert str(answer.status_code) in operation.definition.raw["responses"], answer.text
        operation.validate_response(answer)

    async def get(self, path: str, **more: Any) -> Any:
        """Get what must be there, as JSON."""
        answer = await self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def audited(self, kind: str) -> list[str]:
        """Give the details of entries of a kind, newest first, all of them by the user of the token."""
        entries = self.services.audit.entries(kind=kind)
        assert {(entry.who, entry.source) for entry in entries} <= {("anna", "192.0.2.7")}
        return [entry.detail for entry in entries]


def _operation(method: str, path: str) -> Any:
    (schema,) = _schema
    for template in sorted(schema, key=lambda one: one.count("{")):
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and method in schema[template]:
            return schema[template][method]
    raise AssertionError(f"{method} {path} is not described")


@asynccontextmanager
async def api_client(folder: Path, *, interface: str = "lan", **parts: Any) -> AsyncIterator[ApiClient]:
    """Give a program that has the token of the user anna.

    :param parts: of `Services` that are not as usual.
    """
    made, trust = Parts(folder), Trust(folder / "trust", now=lambda: NOW)
    async with gateway([StrictMeter(5, METER)]) as bus:
        scanner = Scanner((bus.engine,), made.meters, clock=lambda: NOW)
        services = made.services(
            **{
                "buses": (bus.engine,),
                "scanner": scanner,
                "trust": trust,
                "logs": Logs(),
                "restart": Restart(lambda: None),
                **parts,
            }
        )
        await made.access.add_user("anna", PASSWORD)
        _token, secret = await made.access.create_token("anna", "for the test")
        app = create_app(services)
        async with WebClient(app, services, interface=interface, base_url="http://10.0.0.1") as web:
            yield ApiClient(web, secret, bus.engine)
        await scanner.close()
        app.state.streams.close()
    trust.close()
    made.close()
