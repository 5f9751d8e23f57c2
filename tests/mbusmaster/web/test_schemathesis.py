"""The API against its own description, with whatever hypothesis makes up: no 500, no answer that is not described."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mbus.application.commands import req_ud2
from mbusmaster.meterlist import Mode
from support.api import PASSWORD, ApiClient, api_client

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = {
    True: {GenerationMode.POSITIVE: 5, GenerationMode.NEGATIVE: 3},
    False: {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 2},
}
"""Of each operation, with a token and without."""
ENDLESS = "/events"
"""Streams end when the caller wants; they have a test of their own."""

MAY_END_THE_TOKEN = {"POST /tokens", "DELETE /tokens/{number}", "POST /restore"}


class Attack:
    """Sends what hypothesis makes up, from a thread of its own, to the application in the loop."""

    def __init__(self, api: ApiClient, *, with_token: bool) -> None:
        self.statuses: dict[str, Counter[int]] = {}
        self._api = api
        self._with_token = with_token
        self._turns = itertools.count()
        self._known: dict[str, Any] = {"bus": "main", "name": "bert", "client": "reader"}
        self._loop = asyncio.get_running_loop()

    def run(self, document: dict[str, Any]) -> None:
        failures: list[Exception] = []
        for operation in operations(document):
            self._in_loop(self._make_ready())
            for mode in EXAMPLES[self._with_token]:
                try:
                    self._attack(operation, mode)
                except Unsatisfiable:
                    assert mode is GenerationMode.NEGATIVE, f"{operation.label} takes nothing"
                except Exception as error:
                    error.add_note(f"{operation.label}, {mode}")
                    failures.append(error)
        if failures:
            raise ExceptionGroup("answers that are not described", failures)

    def _attack(self, operation: Any, mode: GenerationMode) -> None:
        @with_seed(1)
        @settings(
            max_examples=EXAMPLES[self._with_token][mode],
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and next(self._turns) % 2:
                case.path_parameters |= {
                    name: known for name, known in self._known.items() if name in case.path_parameters
                }
            if self._with_token:
                case.headers["authorization"] = f"Bearer {self._api.secret}"
            answer = self._in_loop(self._send(case.as_transport_kwargs()))
            self.statuses.setdefault(operation.label, Counter())[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        one()

    async def _send(self, request: dict[str, Any]) -> httpx.Response:
        headers = dict(request["headers"])
        if cookies := request.get("cookies"):
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return await self._api.web.request(
            request["method"],
            request["url"],
            headers=headers,
            params=request.get("params"),
            content=request.get("data"),
            json=request.get("json"),
        )

    async def _make_ready(self) -> None:
        """Have a good token, where something before has revoked it, and a meter; half of all paths name it."""
        meters = self._api.services.meters
        meters.import_csv(b"primary_address,note\r\n5,cellar\r\n", bus="main")
        self._known["number"] = meters.meters()[0].id
        access = self._api.services.access
        if access.token(self._api.secret, source="test") is None:
            if "anna" not in {user.name for user in access.users()}:
                await access.add_user("anna", PASSWORD)
            _token, self._api.secret = await access.create_token("anna", "another one")

    def _in_loop(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(30)


def operations(document: dict[str, Any]) -> Iterator[Any]:
    schema: Any = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url="http://10.0.0.1/api/v1")
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.endswith(ENDLESS):
            yield operation


async def furnish(api: ApiClient) -> None:
    """Let there be another user, a client, traffic, and a scan that is over."""
    await api.services.access.add_user("bert", PASSWORD)
    assert api.services.trust is not None
    api.services.trust.issue("reader", None)
    with api.engine.client("reader") as reader:
        await reader.transparent(req_ud2(5, fcb=True), lambda _: None)
    scan = api.services.scanner.start("main", baud=19200, mode=Mode.PRIMARY, first=5, last=5)
    await scan.wait()


async def attacked(folder: Path, *, interface: str, with_token: bool) -> dict[str, Counter[int]]:
    async with api_client(folder, interface=interface) as api:
        await furnish(api)
        attack = Attack(api, with_token=with_token)
        await asyncio.to_thread(attack.run, await api.get("/openapi.json"))
    return attack.statuses


async def test_no_request_with_a_token_gets_an_answer_that_is_not_described(tmp_path: Path) -> None:
    statuses = await attacked(tmp_path, interface="lan", with_token=True)
    assert {label for label, counts in statuses.items() if 401 in counts} <= MAY_END_THE_TOKEN
    unread = {
        label
        for label, counts in statuses.items()
        if label.startswith("GET ") and not any(200 <= status < 300 for status in counts)
    }
    # Which scans there are is up to chance; `test_api_resources` looks at them.
    assert unread <= {"GET /scans/{number}"}


@pytest.mark.parametrize("interface", ["setup", "lan"])
async def test_no_request_without_a_token_gets_an_answer_that_is_not_described(
    interface: str, tmp_path: Path
) -> None:
    await attacked(tmp_path, interface=interface, with_token=False)
