"""Every page and every change of the fleet: who may, from which origin, with which form. By all routes that there are."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
import pytest_asyncio
from starlette.routing import Route

from mbusheadend.roles import ADMIN, OPERATOR, READER, ROLES
from mbusheadend.web.pages import (
    groups,
    groups_change,
    masters,
    masters_admin,
    masters_change,
    meters_admin,
    meters_change,
    meters_list,
    meters_one,
    overview,
    read_now,
    read_now_start,
    schedules,
    schedules_change,
    tokens_enrolment,
)
from mbusweb.door import Door
from support.headend_fleet import settle
from support.headend_web import HOST, NOW, WebClient, headend_web

PAGES: Final[dict[ModuleType, str]] = {
    overview: READER,
    masters: READER,
    masters_change: OPERATOR,
    masters_admin: ADMIN,
    meters_list: READER,
    meters_one: READER,
    meters_change: OPERATOR,
    meters_admin: ADMIN,
    groups: READER,
    groups_change: OPERATOR,
    schedules: READER,
    schedules_change: OPERATOR,
    read_now: READER,
    read_now_start: OPERATOR,
    tokens_enrolment: ADMIN,
}
"""With the least role."""
GIVEN: Final = {
    "serial": "SN1000",
    "number": "1",
    "id": "hourly",
    "token": "00" * 32,
}


@pytest_asyncio.fixture(params=ROLES)
async def visitor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[WebClient, str]]:
    async with headend_web(tmp_path, request.param) as client:
        await settle(client.services.store, NOW, 1, 2)
        await client.show("/overview")
        yield client, request.param


def routes(client: WebClient, module: ModuleType) -> list[tuple[str, str]]:
    """Give method and address of each route."""
    return [
        (method, re.sub(r"{(\w+)(:\w+)?}", lambda found: GIVEN[found[1]], route.path))
        for route in module.router(client.services).routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def may(role: str, least: str) -> bool:
    return ROLES.index(role) >= ROLES.index(least)


def test_each_page_has_the_door_of_its_role() -> None:
    assert {module: module.DOOR for module in PAGES} == {
        module: Door(role=role) for module, role in PAGES.items()
    }


async def test_a_role_gets_in_where_it_may_and_nowhere_else(visitor: tuple[WebClient, str]) -> None:
    client, role = visitor
    before = await client.services.store.master("SN1000")
    for module, least in PAGES.items():
        for method, path in routes(client, module):
            if path.endswith("/events") or (method == "POST" and may(role, least)):
                continue
            answer = await client.request(
                method, path, data={"csrf": client.csrf} if method == "POST" else None
            )
            assert (answer.status_code == 403) is not may(role, least), (method, path, answer.status_code)
    assert await client.services.store.master("SN1000") == before


async def test_a_form_that_is_forged_or_of_another_origin_changes_nothing(
    visitor: tuple[WebClient, str],
) -> None:
    client, role = visitor
    foreign = {"origin": "https://evil.example"}
    for module, least in PAGES.items():
        for method, path in routes(client, module):
            if method != "POST" or not may(role, least):
                continue
            for form, headers in (({}, {}), ({"csrf": "0" * 64}, {}), ({"csrf": client.csrf}, foreign)):
                answer = await client.post(path, data=form, headers=headers)
                assert answer.status_code == 403, (path, form, headers)
    assert len(await client.services.store.schedules()) == 1
    assert len(await client.services.store.meters()) == 2


async def test_another_host_gets_no_page(visitor: tuple[WebClient, str]) -> None:
    client, _role = visitor
    for module in PAGES:
        for method, path in routes(client, module):
            answer = await client.request(method, path, headers={"host": f"{HOST}.evil.example"})
            assert answer.status_code == 421, path


async def test_without_a_login_everything_leads_there(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        client.cookies.clear()
        for module in PAGES:
            for method, path in routes(client, module):
                if method == "GET":
                    answer = await client.get(path)
                    assert answer.status_code in (303, 401), path
                    assert answer.headers.get("location", "/login").startswith("/login"), path
                else:
                    assert (await client.post(path)).status_code in (303, 403), path


async def test_buttons_of_a_higher_role_are_not_shown(visitor: tuple[WebClient, str]) -> None:
    client, role = visitor
    shown = {path: (await client.show(path)).text for path in ("/masters/SN1000", "/meters/1", "/schedules")}
    for text, path, least in (
        ("/masters/SN1000/delete", "/masters/SN1000", ADMIN),
        ("/certificates/", "/masters/SN1000", ADMIN),
        ("/masters/SN1000/edit", "/masters/SN1000", OPERATOR),
        ('action="/reads"', "/masters/SN1000", OPERATOR),
        ("/meters/1/key", "/meters/1", ADMIN),
        ("/meters/1/delete", "/meters/1", ADMIN),
        ("/meters/1/edit", "/meters/1", OPERATOR),
        ("/schedules/new", "/schedules", OPERATOR),
    ):
        assert (text in shown[path]) is may(role, least), (text, role)
