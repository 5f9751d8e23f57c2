"""The API of the fleet: everything that the pages can do, described, and only for who may."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.roles import OPERATOR, READER
from support.headend_fleet import settle
from support.headend_web import NOW, WebClient, headend_web

RULE = {"kind": "calendar", "zone": "Europe/Copenhagen", "times": [360]}


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[WebClient]:
    async with headend_web(tmp_path) as made:
        await settle(made.services.store, NOW, 2, 3, 2)
        made.headers.update(await made.token())
        yield made


async def test_the_fleet_at_a_glance(client: WebClient) -> None:
    seen = (await client.ask("GET", "/overview")).json()
    assert (seen["masters"], seen["masters_overdue"], seen["meters"]) == (2, 0, 6)


async def test_masters_are_listed_named_and_seen(client: WebClient) -> None:
    await client.ask("PUT", "/masters/SN1001", json={"name": "North", "groups": ["x"]})
    found = (await client.ask("GET", "/masters?text=nor&group=x")).json()
    assert ([one["serial"] for one in found["masters"]], found["matching"], found["total"]) == (
        ["SN1001"],
        1,
        2,
    )
    seen = (await client.ask("GET", "/masters/SN1001")).json()
    assert (seen["master"]["name"], seen["master"]["state"], seen["master"]["meters"]) == (
        "North",
        "heard",
        3,
    )
    assert seen["master"]["report"]["outbox"]["waiting"] == 1
    assert (await client.ask("GET", "/masters/nobody")).status_code == 404
    assert (await client.ask("PUT", "/masters/nobody", json={})).status_code == 404
    assert (await client.ask("PUT", "/masters/SN1001", json={"name": "a\nb"})).status_code == 422
    assert client.audited(AuditKind.MASTER_CHANGED) == ["SN1001: name North, groups x"]


async def test_certificates_and_masters_go(client: WebClient) -> None:
    (certificate,) = (await client.ask("GET", "/masters/SN1000")).json()["certificates"]
    path = "/masters/SN1000/certificates/"
    assert (await client.ask("DELETE", path + "12")).status_code == 404
    assert (await client.ask("DELETE", path + "xyz")).status_code == 404
    assert (await client.ask("DELETE", path + certificate["number"])).status_code == 204
    assert (await client.ask("POST", "/masters/SN1001/revoke")).json() == {"count": 1}
    assert (await client.ask("DELETE", "/masters/SN1000")).status_code == 204
    assert (await client.ask("GET", "/masters/SN1000")).status_code == 404
    assert (await client.ask("GET", "/overview")).json()["meters"] == 6


async def test_enrolment_tokens_are_made_listed_and_deleted(client: WebClient) -> None:
    made = (await client.ask("POST", "/enrolment/tokens", json={"days": 2, "note": "Mill"})).json()
    assert made["command"].endswith(made["token"])
    here = (await client.ask("GET", "/enrolment")).json()
    assert (made["url"], made["fingerprint"]) == (here["url"], here["fingerprint"])
    tokens = (await client.ask("GET", "/enrolment/tokens")).json()
    (mine,) = [one for one in tokens if one["note"] == "Mill"]
    assert made["token"] not in str(tokens)
    assert (await client.ask("DELETE", f"/enrolment/tokens/{mine['id']}")).status_code == 204
    assert (await client.ask("DELETE", f"/enrolment/tokens/{mine['id']}")).status_code == 404
    assert (await client.ask("POST", "/enrolment/tokens", json={"days": 0})).status_code == 422


async def test_meters_are_listed_changed_and_forgotten(client: WebClient) -> None:
    found = (await client.ask("GET", "/meters?master=SN1000&medium=7")).json()
    (meter,) = found["meters"]
    path = f"/meters/{meter['number']}"
    given = {"name": "Flat 4", "note": "left", "groups": ["water"]}
    assert (await client.ask("PUT", path, json=given)).json()["groups"] == ["water"]
    assert (await client.ask("PUT", f"{path}/key", json={"key": "00" * 16})).status_code == 204
    seen = (await client.ask("GET", path)).json()
    assert (seen["meter"]["has_key"], seen["stays"][0]["place"]["master"]) == (True, "SN1000")
    assert "0000000000" not in str(client.audited(AuditKind.KEY_CHANGED))
    assert (await client.ask("DELETE", f"{path}/key")).status_code == 204
    assert (await client.ask("PUT", f"{path}/key", json={"key": "00"})).status_code == 422
    listed = await client.ask("GET", "/meters/list.csv?group=water")
    assert meter["identity"] in listed.text
    assert (await client.ask("DELETE", path)).status_code == 204
    assert (await client.ask("GET", path)).status_code == 404


async def test_a_list_of_meters_is_tried_and_taken(client: WebClient) -> None:
    body = {"content": "secondary_address,note\n333333332D2C3504,new\nnonsense,x\n"}
    headers = {"content-type": "text/csv"}
    path = "/meters/import?master=SN1000"
    tried = (await client.ask("POST", f"{path}&dry_run=true", headers=headers, **body)).json()
    assert (tried["taken"], tried["new"], tried["problem_count"]) == (False, 1, 1)
    taken = (await client.ask("POST", path, headers=headers, **body)).json()
    assert (taken["taken"], taken["new"]) == (True, 1)
    assert (await client.ask("GET", "/meters?text=33333333")).json()["matching"] == 1
    assert (await client.ask("POST", "/meters/import?master=x", headers=headers, **body)).status_code == 404


async def test_groups_change(client: WebClient) -> None:
    path = "/groups/meters/heat"
    assert (await client.ask("POST", f"{path}/members", json={"add": [1, 2, 999]})).json()["added"] == 2
    assert (await client.ask("POST", f"{path}/members", json={"remove": [2]})).json()["removed"] == 1
    assert (await client.ask("PUT", f"{path}/name", json={"name": "warm"})).status_code == 204
    assert (await client.ask("GET", "/groups/meters")).json() == [{"name": "warm", "members": 1}]
    assert (await client.ask("PUT", f"{path}/name", json={"name": "warm"})).status_code == 404
    assert (await client.ask("DELETE", "/groups/meters/warm")).status_code == 204
    assert (await client.ask("GET", "/groups/meters")).json() == []


async def test_schedules_are_made_changed_and_deleted(client: WebClient) -> None:
    given: dict[str, Any] = {"title": "Morning", "rule": RULE, "assignment": {"everybody": True}, "known": 0}
    made = (await client.ask("PUT", "/schedules/morning", json=given)).json()
    assert made["words"].startswith("Every day at 06:00, Europe/Copenhagen, all meters, at all masters")
    assert len(made["next"]) == 3
    assert (await client.ask("PUT", "/schedules/morning", json=given)).status_code == 409
    changed = await client.ask("PUT", "/schedules/morning", json={**given, "known": 1, "enabled": False})
    assert (changed.json()["version"], changed.json()["next"]) == (2, [])
    wrong: dict[str, Any]
    for wrong in (
        {"assignment": {}},
        {"assignment": {"masters": ["nobody"]}},
        {"assignment": {"groups": ["none"]}},
        {"rule": {**RULE, "zone": "Europe/Atlantis"}},
    ):
        assert (await client.ask("PUT", "/schedules/other", json={**given, **wrong})).status_code == 422
    ids = [one["id"] for one in (await client.ask("GET", "/schedules")).json()]
    assert ids == ["hourly", "morning"]
    assert (await client.ask("DELETE", "/schedules/morning")).status_code == 204
    assert (await client.ask("GET", "/schedules/morning")).status_code == 404


async def test_meters_are_read_now(client: WebClient) -> None:
    order = (await client.ask("POST", "/reads", json={"meters": [1, 4]})).json()
    assert (order["wanted"], order["done"], len(order["masters"])) == (2, 0, 2)
    assert "not connected" in order["masters"][0]["words"]
    assert (await client.ask("GET", f"/reads/{order['id']}")).json() == order
    back = (await client.ask("DELETE", f"/reads/{order['id']}")).json()
    assert back["is_over"]
    assert (await client.ask("POST", "/reads", json={"master": "SN1000"})).status_code == 201
    assert (await client.ask("POST", "/reads", json={})).status_code == 422
    assert (await client.ask("GET", "/reads/hourly")).status_code == 404
    (orders,) = [(await client.ask("GET", "/masters/SN1000")).json()["orders"]]
    assert {one["state"] for one in orders} == {"waiting", "cancelled"}
    kinds = [one for one in orders if one["state"] == "waiting"]
    assert (await client.ask("DELETE", f"/masters/SN1000/orders/{kinds[0]['id']}")).status_code == 204


@pytest.mark.parametrize("role", [READER, OPERATOR])
async def test_a_lower_role_sees_and_changes_only_what_it_may(client: WebClient, role: str) -> None:
    client.headers.update(await client.token(role))
    for path in ("/overview", "/masters", "/meters", "/groups/masters", "/schedules", "/masters/SN1000"):
        assert (await client.ask("GET", path)).status_code == 200
    expected = 403 if role == READER else 200
    assert (await client.ask("PUT", "/masters/SN1000", json={})).status_code == expected
    for method, path in (
        ("DELETE", "/masters/SN1000"),
        ("DELETE", "/meters/1"),
        ("DELETE", "/meters/1/key"),
        ("GET", "/enrolment/tokens"),
        ("POST", "/masters/SN1000/revoke"),
    ):
        assert (await client.ask(method, path)).status_code == 403
