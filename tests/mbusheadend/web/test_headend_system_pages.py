import io
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from mbusheadend.audit_kinds import AuditKind
from mbusheadend.backup import inspect, restore
from mbusheadend.backup.desk import FOLDER, KIND
from mbusheadend.jobs import JobState
from support.certificates import Authority
from support.headend_messages import SERIAL, enrol
from support.headend_web import HOST, NOW, PASSWORD, WebClient, headend_web

PASSPHRASE = "a backup's passphrase"
ADMINS = ("/backup", "/backup/file", "/backup/events", "/upkeep", "/time-service")


async def make(client: WebClient, passphrase: str = "") -> JobState:
    await client.show("/backup")
    answer = await client.submit("/backup", passphrase=passphrase, again=passphrase, own=PASSWORD)
    assert answer.status_code == 200, answer.text
    job = client.services.jobs.list(KIND)[0]
    await client.services.jobs.wait(job.id)
    return job.state


async def test_a_backup_is_made_fetched_and_can_be_brought_back(tmp_path: Path) -> None:
    async with headend_web(tmp_path / "state") as client:
        await enrol(client.services.store)
        assert await make(client, PASSPHRASE) is JobState.DONE
        assert "The backup is ready" in (await client.show("/backup")).text
        fetched = await client.get("/backup/file")
        assert fetched.headers["content-disposition"].startswith('attachment; filename="mbusheadend-')
        file = tmp_path / "fetched.tar"
        file.write_bytes(fetched.content)
        assert inspect(file).is_sealed
        restored = restore(file, tmp_path / "again", lambda: PASSPHRASE)
        assert restored.has_keys
        assert client.audited(AuditKind.BACKUP) == ["backup made, secrets under a passphrase"]
        assert len(client.audited(AuditKind.DOWNLOAD)) == 1
        await client.submit("/backup/delete")
        assert (await client.get("/backup/file")).status_code == 404
        assert not (tmp_path / "state" / FOLDER).exists()


async def test_without_a_passphrase_keys_of_meters_stay_out_and_a_new_backup_replaces_the_last(
    tmp_path: Path,
) -> None:
    async with headend_web(tmp_path) as client:
        for _time in range(2):
            assert await make(client) is JobState.DONE
            fetched = io.BytesIO((await client.get("/backup/file")).content)
            with tarfile.open(fileobj=fetched) as backup:
                members = backup.getnames()
            assert "secrets.json" not in members
            assert "meter-keys" not in members
        folders = [*(tmp_path / FOLDER).iterdir()]
        assert len(folders) == 1
        assert folders[0].stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"own": "wrong"}, "This is not your password."),
        ({"passphrase": "short", "again": "short"}, "at least 12 characters"),
        ({"passphrase": PASSPHRASE, "again": "another one"}, "The two passphrases differ."),
    ],
)
async def test_who_may_not_or_mistypes_gets_no_backup(
    tmp_path: Path, fields: dict[str, str], text: str
) -> None:
    async with headend_web(tmp_path) as client:
        await client.show("/backup")
        answer = await client.submit("/backup", {"own": PASSWORD, "passphrase": "", "again": "", **fields})
        assert answer.status_code == 422
        assert text in answer.text
        assert client.services.jobs.list() == ()


@pytest.mark.parametrize("role", ["reader", "operator"])
async def test_only_administrators_see_the_system(tmp_path: Path, role: str) -> None:
    async with headend_web(tmp_path, role) as client:
        await client.show("/about")
        for path in ADMINS:
            assert (await client.get(path)).status_code == 403
        for path in ("/backup", "/backup/delete", "/upkeep"):
            assert (await client.submit(path, own=PASSWORD)).status_code == 403


async def test_the_store_is_shown_and_looked_after_on_demand(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        assert "It begins a minute after the start." in (await client.show("/upkeep")).text
        assert "It begins; load the page again" in (await client.submit("/upkeep")).text
        await client.services.upkeep.turn()
        shown = (await client.show("/upkeep")).text
        assert "Readings decoded again" in shown
        assert "25 months" in shown


async def test_the_time_service_is_written_for_a_certificate_that_fits(tmp_path: Path) -> None:
    # Good on the day of the tests, whatever day it is.
    pem = Authority(tmp_path).issue("time", begin=NOW - datetime.now(UTC) - timedelta(1))
    async with headend_web(tmp_path / "state") as client:
        shown = (await client.show("/time-service")).text
        assert f'value="{HOST}"' in shown
        query = {"certificate": str(pem.certificate), "key": str(pem.key), "upstream": "time.example"}
        wrong = await client.get("/time-service", params={**query, "names": "other.example"})
        assert "is not for other.example" in wrong.text
        good = await client.get("/time-service", params={**query, "names": "localhost"})
        assert f"ntsserverkey {pem.key}" in good.text
        assert "server time.example iburst nts" in good.text
        assert (await client.get("/time-service", params={**query, "certificate": "\0"})).status_code == 200


async def test_figures_are_for_this_machine_and_for_tokens(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        await enrol(client.services.store)
        token = await client.token("reader")
        client.cookies.clear()
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"authorization": "Bearer mbh_x"})).status_code == 401
        figures = await client.get("/metrics", headers=token)
        assert "mbusheadend_masters 1.0" in figures.text
        assert figures.headers["content-type"].startswith("text/plain")
        here = httpx.ASGITransport(client.app, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=here, base_url=f"https://{HOST}") as local:
            assert SERIAL not in (await local.get("/metrics")).text
            assert (await local.get("/metrics")).status_code == 200
            assert (await local.get("/metrics", headers={"x-forwarded-for": "192.0.2.9"})).status_code == 401


async def test_about_says_version_and_licences(tmp_path: Path) -> None:
    async with headend_web(tmp_path, "reader") as client:
        shown = (await client.show("/about")).text
        for wanted in ("fastapi", "MIT", "htmx", "0BSD", f"https://{HOST}:8443"):
            assert wanted in shown


async def test_a_backup_is_kept_for_an_hour_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mbusheadend.backup.desk.KEPT_SECONDS", timedelta(0).total_seconds())
    async with headend_web(tmp_path) as client:
        assert await make(client) is JobState.DONE
        await client.show("/about")
        assert (await client.get("/backup/file")).status_code == 404


async def test_programs_of_administrators_back_up_too_and_pages_by_their_own_way_only(tmp_path: Path) -> None:
    async with headend_web(tmp_path) as client:
        token, operator = await client.token(), await client.token("operator")
        assert (await client.ask("GET", "/backup/file", headers=token)).status_code == 404
        csrf = {"x-csrf-token": client.csrf}
        assert (await client.ask("POST", "/backup", json={}, headers=csrf)).status_code == 403
        assert (await client.ask("POST", "/backup", json={}, headers=operator)).status_code == 403
        assert (
            await client.ask("POST", "/backup", json={"passphrase": "short"}, headers=token)
        ).status_code == 422
        job = (await client.ask("POST", "/backup", json={"passphrase": PASSPHRASE}, headers=token)).json()
        await client.services.jobs.wait(job["id"])
        fetched = await client.get("/api/v1/backup/file", headers=token)
        with tarfile.open(fileobj=io.BytesIO(fetched.content)) as backup:
            assert "secrets.json" in backup.getnames()
        assert (await client.ask("GET", "/store", headers=token)).json()["size"] > 0
        assert (await client.ask("GET", "/firmware", headers=token)).json() == []
        for path in ("/store", "/firmware", "/backup/file"):
            assert (await client.ask("GET", path, headers=operator)).status_code == 403
