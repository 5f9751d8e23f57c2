"""Tenants that never see each other, by trying: masters, pages, the API, figures, streams of other subjects."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from mbusheadend.roles import ADMIN
from mbusheadend.service import HeadEnd
from mbusheadend.store import Assignment, Store
from mbusheadend.tenants.registry import registry_of
from mbusheadend.tenants.running import Running
from mbusheadend.tenants.tenant import Quota
from mbusheadend.tokens import make_token
from mbushosting.contact import CONTACT
from mbushosting.readings import READINGS
from mbushosting.schedules import Every, Schedule
from mbusmaster.hosting.link import HeadEndRefusedError
from mbusweb.access import UserError
from mbusweb.api import PREFIX
from support.headend import Site, call, running
from support.headend_messages import listed
from support.headend_meters import METER, OTHER
from support.postgres import database_of
from support.stream import stored_ids, upload

PASSWORD: Final = "a long passphrase"
SECRET: Final = "nobodys-business"
"""Stands in every name of the other tenant."""
KINDS: Final = ("file", "server")


@dataclass(frozen=True, slots=True)
class Two:
    """A head-end with the main tenant and another one; each has a master M1 or X1, a meter, a user."""

    site: Site
    other: Running

    @property
    def head_end(self) -> HeadEnd:
        return self.site.head_end

    @property
    def web(self) -> str:
        return self.head_end.web_url

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.web, timeout=30, follow_redirects=True)

    async def log_in(self, client: httpx.AsyncClient, name: str, *, tenant: str = "") -> httpx.Response:
        shown = await client.get("/login", params={"tenant": tenant} if tenant else None)
        fields = {"csrf": csrf_of(shown), "name": name, "password": PASSWORD}
        return await client.post("/login", data=fields)


def csrf_of(answer: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"|X-CSRF-Token": "([^"]+)"', answer.text)
    assert found, answer.text
    return found[1] or found[2]


@pytest.fixture(params=KINDS)
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    async with opened(tmp_path, request.param) as there:
        yield there


@asynccontextmanager
async def opened(folder: Path, kind: str, **settings: Any) -> AsyncIterator[Two]:
    if kind == "server":
        settings["store"] = database_of(folder)
    async with running(folder, web_listen=("http://127.0.0.1:0",), **settings) as site:
        house = site.head_end.house
        registry_of(site.head_end._settings).add("other")
        await house.look()
        other = house.named("other")
        assert other is not None
        await site.head_end.access.add_user("anna", PASSWORD, role=ADMIN)
        await other.access.add_user(SECRET, PASSWORD, role=ADMIN)
        yield Two(site, other)


async def taken_in(two: Two, store: Store, serial: str) -> None:
    """Take a master in as masters do it, with a token of a tenant."""
    token = await make_token(store, two.site.authority, two.site.clock(), 1)
    await two.site.enrol(serial, str(token))


async def with_things(two: Two) -> int:
    """Give the other tenant all kinds of things, and the main one a master; give the number of the other's meter."""
    await taken_in(two, two.site.store, "M1")
    await taken_in(two, two.other.store, "X1")
    for serial, meter in (("M1", METER), ("X1", OTHER)):
        async with two.site.client(serial) as master:
            contact = call(serial, meter_list="1", meters=listed(str(meter)))
            answer = await master.post(f"{CONTACT}?wait=0", content=contact.model_dump_json())
            assert answer.status_code == 200, answer.text
    store = two.other.store
    await store.set_master("X1", name=SECRET, groups=[SECRET])
    number = (await store.meters())[0].id
    await store.set_meter(number, name=SECRET, note=SECRET, groups=[SECRET])
    await store.put_schedule(
        Schedule(id="nightly", title=SECRET, rule=Every(minutes=60)), Assignment(), two.site.clock()
    )
    return number


async def test_a_token_of_a_tenant_takes_a_master_in_for_that_tenant_only(two: Two) -> None:
    await taken_in(two, two.other.store, "X1")
    assert [one.serial for one in await two.other.store.masters()] == ["X1"]
    assert await two.site.store.masters() == ()
    async with two.site.client("X1") as master:
        answer = await master.post(READINGS, content=upload(0, serial="X1").model_dump_json())
        assert answer.status_code == 200
    assert sorted(await stored_ids(two.other.store)) == [1, 2, 3, 4]
    assert await stored_ids(two.site.store) == []
    # A new certificate is the same tenant's.
    renewed = await two.site.enrol(
        "X1", str(await make_token(two.other.store, two.site.authority, two.site.clock(), 1))
    )
    assert renewed is not None
    assert len(await two.other.store.certificates("X1")) == 2


async def test_a_certificate_of_a_tenant_that_is_gone_opens_nothing(two: Two) -> None:
    await taken_in(two, two.other.store, "X1")
    async with two.site.client("X1") as master:
        registry_of(two.head_end._settings).delete(two.other.tenant.id)
        await two.head_end.house.look()
        for path, body in ((f"{CONTACT}?wait=0", call("X1").model_dump_json()), (READINGS, "{}")):
            answer = await master.post(path, content=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
    assert two.head_end.house.named("other") is None
    assert await two.site.store.masters() == ()


async def test_users_log_in_at_their_own_tenant_only(two: Two) -> None:
    async with two.browser() as client:
        page = (await client.get("/login")).text
        assert 0 < page.index("<h1>") < page.index("Customer") < page.index("User name")
        assert (await two.log_in(client, SECRET)).status_code == 401
        assert (await two.log_in(client, "anna", tenant="other")).status_code == 401
        unknown = await client.get("/login", params={"tenant": "nobody"})
        known = await client.get("/login", params={"tenant": "other"})
        hide = re.compile(r'value="[^"]{20,}"|X-CSRF-Token": "[^"]+"')
        assert hide.sub("", unknown.text).replace("nobody", "other") == hide.sub("", known.text)
        answer = await two.log_in(client, SECRET, tenant="other")
        assert answer.status_code == 200
        assert (await client.get("/masters")).url.path == "/masters"
        assert (await client.get("/backup")).status_code == 404
        client.cookies.delete("mbusheadend_customer")
        assert (await client.get("/masters")).url.path == "/login"


def filled(path: str, number: int) -> str:
    """Fill a path with what the other tenant has."""
    values = {"serial": "X1", "id": "nightly", "name": SECRET, "group": SECRET, "key": "nightly"}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: values.get(found[1], str(number)), path)


async def test_nothing_of_another_tenant_is_on_any_page_or_in_any_answer_of_the_api(two: Two) -> None:
    number = await with_things(two)
    app = two.head_end._pages
    assert app is not None
    _, token = await two.head_end.access.create_token("anna", "try")
    tried = 0
    async with two.browser() as client:
        await two.log_in(client, "anna")
        paths = sorted(app.paths)
        for path in paths:
            if path.endswith(("/events", "/live")) or "static" in path:
                continue
            answer = await client.get(filled(path, number))
            assert SECRET not in answer.text.replace(filled(path, number), ""), path
            tried += 1
        assert tried > 60
        bearer = {"authorization": f"Bearer {token}"}
        described = (await client.get(f"{PREFIX}/openapi.json")).json()["paths"]
        for path, methods in described.items():
            for method in methods:
                if path.endswith("/events") or method not in ("get", "post", "put", "patch", "delete"):
                    continue
                where = filled(path, number)
                body: Any = {} if method in ("post", "put", "patch") else None
                answer = await client.request(method, f"{PREFIX}{where}", headers=bearer, json=body)
                assert SECRET not in answer.text.replace(where, ""), path
                assert answer.status_code != 500, (path, answer.text)
                tried += 1
    assert tried > 120
    store = two.other.store
    assert [(one.serial, one.name) for one in await store.masters()] == [("X1", SECRET)]
    assert [one.name for one in await store.meters()] == [SECRET]
    assert [one.schedule.title for one in await store.schedules()] == [SECRET]
    assert [one.name for one in two.other.access.users()] == [SECRET]


async def test_an_api_token_opens_its_own_tenant_whatever_else_is_said(two: Two) -> None:
    await with_things(two)
    _, token = await two.other.access.create_token(SECRET, "try")
    assert token.startswith(f"mbh{two.other.tenant.id}_")
    async with two.browser() as client:
        bearer = {"authorization": f"Bearer {token}"}
        found = (await client.get(f"{PREFIX}/masters", headers=bearer)).json()
        assert SECRET in str(found)
        assert "M1" not in str(found)
        forged = {"authorization": f"Bearer {token.replace(f'mbh{two.other.tenant.id}_', 'mbh_')}"}
        assert (await client.get(f"{PREFIX}/masters", headers=forged)).status_code == 401
    assert SECRET not in (await two.head_end.metrics.text()).decode()


async def test_quotas_are_kept_to(two: Two) -> None:
    await taken_in(two, two.other.store, "X1")
    registry = registry_of(two.head_end._settings)
    registry.set_quota(two.other.tenant.id, Quota(masters=1, meters=1, readings_per_day=6, users=1))
    await two.head_end.house.look()
    with pytest.raises(HeadEndRefusedError, match="quota of 1 masters"):
        await taken_in(two, two.other.store, "X2")
    with pytest.raises(UserError):
        await two.other.access.add_user("more", PASSWORD, role=ADMIN)
    async with two.site.client("X1") as master:
        contact = call("X1", meter_list="1", meters=listed(str(METER), str(OTHER)))
        answer = await master.post(f"{CONTACT}?wait=0", content=contact.model_dump_json())
        assert answer.status_code == 200
        assert await two.other.store.meters() == ()
        first = upload(0, 4, "X1")
        assert (await master.post(READINGS, content=first.model_dump_json())).status_code == 200
        answer = await master.post(READINGS, content=upload(1, 4, "X1").model_dump_json())
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
        assert "quota of" in answer.json()["reason"]
    use = await two.other.limits.use()
    assert (use.masters, use.readings_today) == (1, 4)


async def test_who_is_alone_is_asked_for_no_customer(tmp_path: Path) -> None:
    async with running(tmp_path, web_listen=("http://127.0.0.1:0",)) as site:
        await site.head_end.house.look()
        async with httpx.AsyncClient(base_url=site.head_end.web_url) as client:
            shown = await client.get("/login", params={"tenant": "main"}, follow_redirects=True)
        assert "Customer" not in shown.text
        assert not any("customer" in name for name in shown.cookies)
