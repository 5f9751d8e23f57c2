import asyncio
import base64
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from mbus.application.commands import req_ud2
from mbusmaster.system.button import VirtualButton
from mbusmaster.system.clock import ClockChange
from mbusmaster.system.restart import ExitReason, Restart
from mbusmaster.users import FACTORY_PASSWORD
from mbusweb.access import Access
from support.api import PASSWORD, api_client
from support.certificates import Authority
from support.web import NOW, web_client

CSV = {"content-type": "text/csv"}
OPEN = {
    ("get", "/status"),
    ("get", "/panel"),
    ("get", "/panel/events"),
    ("post", "/tokens"),
    ("post", "/first-user"),
    ("post", "/panel/button"),
}


async def test_every_operation_has_a_name_of_its_own_a_group_and_a_description(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        document = await api.get("/openapi.json")
        operations = [one for path in document["paths"].values() for one in path.values()]
        assert len({one["operationId"] for one in operations}) == len(operations)
        groups = {tag["name"] for tag in document["tags"]}
        assert all(one["description"] and set(one["tags"]) <= groups for one in operations)
        assert all("401" in one["responses"] and "default" not in one["responses"] for one in operations)
        assert {"token", "session"} == set(document["components"]["securitySchemes"])
        assert not [name for name in document["components"]["schemas"] if "__" in name or "-" in name]
        assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_without_a_login_everything_but_the_open_parts_is_refused(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        document = await api.get("/openapi.json")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                assert ("security" in operation) is ((method, path) not in OPEN), path
                if (method, path) in OPEN:
                    continue
                given = path.replace("{number}", "1").replace("{log}", "system")
                answer = await api.web.request(method, f"/api/v1{given}", json={})
                expected = 401 if method == "get" else 403
                assert answer.status_code == expected, (method, path, answer.text)
                bad = {"authorization": "Bearer mbm_" + 43 * "x"}
                answer = await api.web.request(method, f"/api/v1{given}", json={}, headers=bad)
                assert answer.status_code == 401, (method, path, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.process
def test_the_api_is_not_even_loaded_before_somebody_asks_for_it() -> None:
    code = "import sys, mbusmaster.web.app; print([n for n in sys.modules if n.startswith('mbusmaster.web.api.')])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


async def test_a_program_at_the_setup_interface_makes_the_first_user_and_gets_a_token(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        wanted = {"name": "anna", "password": PASSWORD, "token_title": "commissioning"}
        path = "/api/v1/first-user"
        answer = await client.post(path, json={**wanted, "default_password": "wrong"})
        assert answer.status_code == 401
        answer = await client.post(
            path, json={**wanted, "default_password": FACTORY_PASSWORD, "name": "user"}
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "name"
        answer = await client.post(path, json={**wanted, "default_password": FACTORY_PASSWORD})
        assert answer.status_code == 201
        bearer = {"authorization": f"Bearer {answer.json()['token']['secret']}"}
        assert (await client.get("/api/v1/me", headers=bearer)).json()["user"] == "anna"
        answer = await client.post(path, json={**wanted, "default_password": FACTORY_PASSWORD})
        assert answer.status_code == 409
        entries = [(entry.kind, entry.who) for entry in client.services.audit.entries()]
        assert ("user added", "user") in entries
        assert ("token created", "anna") in entries


async def test_nobody_makes_the_first_user_from_the_lan(tmp_path: Path) -> None:
    async with web_client(tmp_path, interface="lan") as client:
        given = {"name": "anna", "password": PASSWORD, "default_password": FACTORY_PASSWORD}
        assert (await client.post("/api/v1/first-user", json=given)).status_code == 403
        assert client.services.access.is_factory


async def test_a_token_is_made_with_the_password_and_guesses_are_slowed_down(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        given = {"name": "anna", "password": PASSWORD, "title": "billing", "expires": "2027-01-01T00:00:00Z"}
        made = (await api.ask("POST", "/tokens", token=False, json=given)).json()
        assert made["token"]["expires"] == "2027-01-01T00:00:00Z"
        listed = await api.get("/tokens")
        assert [token["title"] for token in listed] == ["for the test", "billing"]
        assert made["secret"] not in json.dumps(listed)
        number = made["token"]["id"]
        assert (await api.ask("DELETE", f"/tokens/{number}")).status_code == 204
        assert (await api.ask("DELETE", f"/tokens/{number}")).status_code == 404
        past = {**given, "expires": "2001-01-01T00:00:00+01:00"}
        assert (await api.ask("POST", "/tokens", token=False, json=past)).status_code == 422
        wrong = {**given, "password": "another passphrase"}
        answers = [await api.ask("POST", "/tokens", token=False, json=wrong) for _ in range(8)]
        assert answers[0].status_code == 401
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0


async def test_the_default_user_gets_no_token(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        given = {"name": "user", "password": FACTORY_PASSWORD, "title": "x"}
        assert (await client.post("/api/v1/tokens", json=given)).status_code == 403


async def test_users_are_added_changed_and_deleted_with_a_token_only(tmp_path: Path) -> None:
    async with api_client(tmp_path, interface="setup") as api:
        given = {"name": "bert", "password": "another passphrase"}
        assert (await api.ask("POST", "/users", json=given)).json()["name"] == "bert"
        assert (await api.ask("POST", "/users", json=given)).status_code == 409
        short = {"name": "carl", "password": "short"}
        assert (await api.ask("POST", "/users", json=short)).json()["errors"][0]["field"] == "password"
        assert [user["name"] for user in await api.get("/users")] == ["anna", "bert"]
        new = {"password": "yet another passphrase"}
        assert (await api.ask("PUT", "/users/bert/password", json=new)).status_code == 204
        assert (await api.ask("DELETE", "/users/bert")).status_code == 204
        assert (await api.ask("DELETE", "/users/bert")).status_code == 404
        assert (await api.ask("DELETE", "/users/anna")).status_code == 409
        assert api.services.audit.entries(kind="user deleted")[0].detail == "bert"
        assert api.audited("password changed") == ["bert"]
        await api.web.log_in()
        await api.web.show("/status")
        answer = await api.web.post("/api/v1/users", json=given, headers={"x-csrf-token": api.web.csrf})
        assert answer.status_code == 403


async def test_settings_are_changed_all_or_none_and_wait_for_a_restart(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        wanted = {"log.level": "debug", "channels": {"plain_tcp": {"enabled": True}}, "buses.0.timeout": 3}
        done = (await api.ask("PATCH", "/settings", json=wanted)).json()
        assert {one["path"] for one in done["changes"]} == {
            "log.level",
            "channels.plain_tcp.enabled",
            "buses.0.timeout",
        }
        assert done["needs_restart"]
        settings = await api.get("/settings")
        assert settings["stored"]["channels"]["plain_tcp"]["enabled"] is True
        assert "channels.plain_tcp.enabled" in {one["path"] for one in settings["pending"]}
        assert "channels.plain_tcp.enabled: off → on" in " ".join(api.audited("settings changed"))
        bad = {"log.level": "info", "buses.0.timeout": 99, "nonsense": 1}
        answer = await api.ask("PATCH", "/settings", json=bad)
        assert answer.status_code == 422
        assert {one["field"] for one in answer.json()["errors"]} == {"buses.0.timeout", "nonsense"}
        assert (await api.get("/settings"))["stored"]["log"]["level"] == "debug"
        fields = {field["path"]: field for field in await api.get("/settings/fields")}
        assert fields["buses.0.timeout"]["maximum"] == 3
        assert (await api.get("/restart"))["pending"]


@pytest.mark.parametrize(
    "body", [b"{", b'{"log.level": "\\ud800"}', b"\xff", b"[" * 5000, b'{"a": 1e999}', b"[]", b"null"]
)
async def test_a_body_that_makes_no_sense_is_a_problem_and_no_more(body: bytes, tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        answer = await api.web.request(
            "PATCH",
            "/api/v1/settings",
            content=body,
            headers={"authorization": f"Bearer {api.secret}", "content-type": "application/json"},
        )
        assert answer.status_code in (400, 422)
        assert answer.json()["status"] == answer.status_code


async def test_an_error_of_our_own_is_a_problem_and_comes_into_the_log_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(access: Access) -> None:
        raise RuntimeError("broken")

    async with api_client(tmp_path) as api:
        monkeypatch.setattr(Access, "users", broken)
        headers = {"authorization": f"Bearer {api.secret}"}
        answer = await api.web.get("/api/v1/users", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (500, 500)
        transport = httpx.ASGITransport(api.web.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            with pytest.raises(RuntimeError, match="broken"):
                await client.get("/api/v1/users", headers=headers)


async def test_the_configuration_goes_into_a_file_and_comes_back(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        plain = (await api.ask("POST", "/backup", json={})).json()
        sealed = (await api.ask("POST", "/backup", json={"passphrase": "a good long one"})).json()
        assert "sealed" in sealed
        await api.ask("PATCH", "/settings", json={"log.level": "debug"})
        looked = (await api.ask("POST", "/restore", json={"file": plain, "dry_run": True})).json()
        assert [one["path"] for one in looked["changes"]] == ["log.level"]
        assert (await api.get("/settings"))["stored"]["log"]["level"] == "debug"
        assert (await api.ask("POST", "/restore", json={"file": plain})).status_code == 200
        assert (await api.get("/settings"))["stored"]["log"]["level"] == "info"
        wrong = {"file": sealed, "passphrase": "a wrong long one"}
        assert (await api.ask("POST", "/restore", json=wrong)).status_code == 422
        await api.services.access.add_user("bert", PASSWORD)
        good = {"file": sealed, "passphrase": "a good long one", "users": True, "clients": True}
        back = (await api.ask("POST", "/restore", json=good)).json()
        assert back["users"] == ["anna"]
        assert back["users_restored"]
        assert (back["clients"], back["clients_restored"]) == (0, True)
        assert [user.name for user in api.services.access.users()] == ["anna"]
        assert (await api.ask("GET", "/me")).status_code == 401


async def test_the_meter_list_is_imported_filtered_noted_and_cleared(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        file = "secondary_address,note\r\n12345678,=cellar\r\n23456789,roof\r\n"
        done = (await api.ask("POST", "/meters/import", content=file)).json()
        assert done["added"] == 2
        page = await api.get("/meters?text=roof")
        assert (page["matching"], page["total"]) == (1, 2)
        number = page["meters"][0]["id"]
        changed = await api.ask("PATCH", f"/meters/{number}", json={"note": "attic"})
        assert changed.json()["note"] == "attic"
        assert (await api.get(f"/meters/{number}"))["identification"] == "23456789"
        table = await api.ask("GET", "/meters.csv?sort=note")
        assert "'=cellar" in table.text
        assert table.headers["content-disposition"].startswith("attachment")
        bad = await api.ask("POST", "/meters/import", content="primary_address\r\n300\r\n7\r\n")
        assert bad.status_code == 422
        assert bad.json()["errors"][0]["field"] == "line 2"
        partly = await api.ask(
            "POST", "/meters/import?partial=true", content="primary_address\r\n300\r\n7\r\n"
        )
        assert (partly.json()["added"], partly.json()["skipped"]) == (1, 1)
        assert (await api.ask("DELETE", f"/meters/{number}")).status_code == 204
        assert (await api.ask("DELETE", f"/meters/{number}")).status_code == 404
        assert (await api.ask("DELETE", "/meters")).json() == {"removed": 2}
        assert (
            api.audited("meters changed")[-1]
            == "meter list imported from the API: 2 added, 0 updated, 0 problems"
        )
        assert api.audited("meters changed")[0] == "meter list cleared: 2 meters"


async def test_a_token_may_send_a_list_that_is_longer_than_a_form_and_nobody_else_from_the_lan(
    tmp_path: Path,
) -> None:
    async with api_client(tmp_path) as api:
        file = b"primary_address,note\r\n5,x\r\n" + b"\r\n" * 50_000
        assert (await api.ask("POST", "/meters/import", content=file)).status_code == 200
        assert (await api.ask("POST", "/meters/import", token=False, content=file)).status_code == 413
        assert (await api.ask("POST", "/meters/import", content=file * 20)).status_code == 413


async def test_expected_meters_are_compared_with_those_that_were_found(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        file = "secondary_address\r\n12345678\r\n99999999\r\n"
        assert (await api.ask("PUT", "/expected-meters", content=file)).json()["added"] == 2
        assert len(await api.get("/expected-meters")) == 2
        scan = {"mode": "primary", "baud": 19200, "first": 5, "last": 5}
        started = (await api.ask("POST", "/scans", json=scan)).json()
        await _ended(api, started["number"])
        report = await api.get("/commissioning")
        assert (report["found"], report["missing"], report["percent"]) == (1, 1, 50)
        assert "99999999" in (await api.ask("GET", "/expected-meters.csv")).text
        assert (await api.ask("DELETE", "/expected-meters")).json() == {"removed": 2}


async def test_a_scan_is_started_watched_and_cancelled(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        await api.services.access.add_user("bert", PASSWORD)
        whole = {"mode": "primary", "baud": 19200}
        started = (await api.ask("POST", "/scans", json=whole)).json()
        assert (started["state"], started["who"]) == ("running", "anna")
        assert (await api.ask("POST", "/scans", json=whole)).status_code == 409
        assert (await api.ask("DELETE", f"/scans/{started['number']}")).status_code == 202
        ended = await _ended(api, started["number"])
        assert ended["state"] == "cancelled"
        assert (await api.ask("POST", "/scans", json={**whole, "baud": 1234})).status_code == 422
        assert (await api.ask("POST", "/scans", json={"mask": "nonsense"})).status_code == 422
        assert (await api.ask("POST", "/scans", json={**whole, "bus": "other"})).status_code == 422
        one = (await api.ask("POST", "/scans", json={**whole, "first": 5, "last": 5})).json()
        ended = await _ended(api, one["number"])
        assert (ended["state"], ended["found"], ended["new"]) == ("finished", 1, 1)
        (row,) = ended["found_meters"]
        assert (await api.get(f"/meters/{row}"))["status"] == "answers"
        check = (await api.ask("POST", "/checks", json={"meters": [row]})).json()
        assert (await _ended(api, check["number"]))["state"] == "finished"
        assert (await api.ask("POST", "/checks", json={"meters": []})).status_code == 422
        assert (await api.get("/scans"))[0]["number"] == check["number"]
        assert (await api.ask("GET", "/scans/1000/events")).status_code == 404
        assert len(api.audited("scan started")) == 3


async def test_traffic_is_told_decoded_and_the_users_of_the_bus_are_counted(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        scan = {"mode": "primary", "baud": 19200, "first": 5, "last": 5}
        started = (await api.ask("POST", "/scans", json=scan)).json()
        await _ended(api, started["number"])
        seen = await api.get("/buses/main/traffic?meter=5")
        assert "12345678" in json.dumps(seen[-1]["telegram"])
        assert "answered" in {one["result"] for one in seen}
        assert (await api.ask("GET", "/buses/main/traffic.txt")).text.count("\n  > ") >= 1
        assert (await api.ask("GET", "/buses/main/traffic?meter=251")).status_code == 422
        counted = await api.get("/buses/main/meters")
        assert counted[0]["answers"] >= 1
        assert (await api.get("/buses/main"))["scan_rates"]
        with api.engine.client("reader", source="192.0.2.9"):
            users = await api.get("/buses/main/users")
        assert users["clients"][0]["source"] == "192.0.2.9"
        assert (await api.ask("GET", "/buses/other/users")).status_code == 404


async def test_traffic_comes_live_until_the_token_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api_client(tmp_path) as api:
        begun, watch = asyncio.Event(), api.engine.traffic.watch

        def noticed(*arguments: Any, **more: Any) -> Any:
            begun.set()
            return watch(*arguments, **more)

        monkeypatch.setattr(api.engine.traffic, "watch", noticed)
        watching = asyncio.create_task(api.ask("GET", "/buses/main/traffic/events?meter=5"))
        await begun.wait()
        with api.engine.client("reader") as reader:
            await reader.transparent(req_ud2(5, fcb=True), lambda _: None)
            (token,) = api.services.access.tokens("anna")
            await api.services.access.revoke_token("anna", token.id)
            await reader.transparent(req_ud2(5, fcb=False), lambda _: None)
        told = [json.loads(line[6:]) for line in (await watching).text.splitlines() if line[:5] == "data:"]
        assert told[0]["client"] == "reader"
        assert "12345678" in json.dumps(told[0]["telegram"])
        assert api.engine.traffic.watchers == 0


async def test_a_client_is_given_a_bundle_and_let_go(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        given: dict[str, Any] = {"name": "head-end", "passphrase": "a good long one"}
        made = (await api.ask("POST", "/clients", json=given)).json()
        key, certificate, more = pkcs12.load_key_and_certificates(
            base64.b64decode(made["bundle"]), b"a good long one"
        )
        assert key is not None
        assert certificate is not None
        assert len(more) == 1
        assert (await api.ask("POST", "/clients", json=given)).status_code == 422
        pem = {"name": "other", "passphrase": None, "format": "pem", "days": 30}
        text = base64.b64decode((await api.ask("POST", "/clients", json=pem)).json()["bundle"])
        assert b"PRIVATE KEY" in text
        assert (await api.get("/trust"))["clients"] == 2
        assert (await api.ask("DELETE", f"/clients/{made['id']}")).json()["revoked"]
        assert (await api.ask("DELETE", "/clients/nobody")).status_code == 404
        assert (await api.ask("GET", "/trust/authority.pem")).text.startswith("-----BEGIN CERTIFICATE")
        assert api.audited("certificate")[0].startswith("client head-end revoked")
        assert "PRIVATE" not in json.dumps(await api.get("/clients"))


async def test_a_certificate_from_elsewhere_is_trusted_and_taken_out_again(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        there = Authority(tmp_path).certificate
        pem = there if isinstance(there, str) else _pem(there)
        added = (await api.ask("POST", "/certificates", json={"certificate": pem})).json()
        assert added["kind"] == "authority"
        single = {"certificate": pem, "kind": "single"}
        assert (await api.ask("POST", "/certificates", json=single)).status_code == 422
        assert [one["id"] for one in await api.get("/certificates")] == [added["id"]]
        assert (await api.ask("DELETE", f"/certificates/{added['id']}")).status_code == 204
        assert (await api.ask("DELETE", f"/certificates/{added['id']}")).status_code == 404
        assert len(api.audited("certificate")) == 2


class Setter:
    unavailable = ""

    async def set(self, moment: Any) -> ClockChange:
        return ClockChange(NOW, moment)


async def test_the_clock_is_set_where_it_can_be(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        assert (await api.get("/clock"))["unavailable"]
        answer = await api.ask("PUT", "/clock", json={"time": "2027-01-01T00:00:00Z"})
        assert answer.status_code == 501
    (tmp_path / "more").mkdir()
    async with api_client(tmp_path / "more", clock=Setter()) as api:
        answer = await api.ask("PUT", "/clock", json={"time": "2027-01-01T01:00:00+01:00"})
        assert answer.json()["becomes"] == "2027-01-01T00:00:00Z"
        assert (await api.ask("PUT", "/clock", json={"time": "2199-01-01T00:00:00Z"})).status_code == 422
        assert (await api.ask("PUT", "/clock", json={"time": "2027-01-01T00:00:00"})).status_code == 422
        assert (await api.ask("PUT", "/clock", json={"time": 5})).status_code == 422
        assert len(api.audited("clock set")) == 1


async def test_what_this_machine_cannot_do_says_so(tmp_path: Path) -> None:
    async with api_client(tmp_path, restart=None, trust=None, logs=None) as api:
        for method, path in (
            ("POST", "/firmware?name=MBMC2022_release_1.tar"),
            ("POST", "/restart"),
            ("GET", "/clients"),
            ("GET", "/logs/system"),
        ):
            answer = await api.ask(method, path)
            assert answer.status_code == 501, path
            assert answer.json()["detail"]
        assert (await api.get("/firmware"))["status"] == "not available"
        assert (await api.get("/network"))["unavailable"]
        assert await api.get("/channels") == []


async def test_logs_are_read_and_packed_and_the_debug_log_recorded_for_a_while(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        assert api.services.logs is not None
        api.services.logs.system.add(NOW.timestamp(), 30, "mbusmaster.test", "something happened")
        (line,) = await api.get("/logs/system?level=warning")
        assert (line["level"], line["text"]) == ("warning", "something happened")
        assert await api.get(f"/logs/system?after={line['number']}") == []
        assert (await api.ask("GET", "/logs/other")).status_code == 422
        left = (await api.ask("PUT", "/debug-capture", json={"minutes": 5})).json()["seconds_left"]
        assert 0 < left <= 300
        assert (await api.ask("PUT", "/debug-capture", json={"minutes": 0})).json()["seconds_left"] == 0
        packed = await api.ask("GET", "/support-archive")
        assert "system.log" in zipfile.ZipFile(io.BytesIO(packed.content)).namelist()
        assert api.secret.encode() not in packed.content
        assert len(api.audited("settings changed")) == 2


async def test_the_audit_log_is_paged(tmp_path: Path) -> None:
    async with api_client(tmp_path) as api:
        await api.ask("DELETE", "/meters")
        (newest,) = await api.get("/audit?limit=1")
        assert newest["kind"] == "meters changed"
        older = await api.get(f"/audit?before={newest['id']}")
        assert newest["id"] not in {entry["id"] for entry in older}
        assert [entry["who"] for entry in await api.get("/audit?kind=token%20created")] == ["anna"]
        assert (await api.ask("GET", "/audit?kind=other")).status_code == 422
        assert "meter list cleared" in (await api.ask("GET", "/audit.csv")).text


async def test_a_restart_begins_once_the_answer_is_out(tmp_path: Path) -> None:
    restart = Restart(lambda: None)
    async with api_client(tmp_path, restart=restart) as api:
        assert (await api.ask("POST", "/restart")).status_code == 202
        assert restart.reason is ExitReason.RESTART
        assert len(api.audited("restart")) == 1


async def test_the_button_of_the_panel_is_for_the_setup_interface(tmp_path: Path) -> None:
    async with api_client(tmp_path, button=VirtualButton()) as api:
        assert (await api.ask("POST", "/panel/button", json={"act": "press"})).status_code == 403
    (tmp_path / "more").mkdir()
    async with api_client(tmp_path / "more", interface="setup") as api:
        assert (await api.ask("POST", "/panel/button", json={"act": "press"})).status_code == 404
        await asyncio.to_thread(api.services.settings.change, {"panel.virtual_button": "true"})


async def _ended(api: Any, number: int) -> Any:
    """Watch a scan until it is over: the stream of its events then ends."""
    answer: httpx.Response = await api.ask("GET", f"/scans/{number}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    states = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    return states[-1]


def _pem(certificate: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return str(certificate.public_bytes(Encoding.PEM).decode())
