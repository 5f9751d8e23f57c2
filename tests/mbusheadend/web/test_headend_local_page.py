import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbusheadend.audit_kinds import AuditKind
from mbusheadend.jobs import JobState
from mbusio.meterfile import MAX_SIZE
from support.certificates import Authority
from support.headend_messages import SERIAL, enrol
from support.headend_web import WebClient, headend_web
from support.scripted_bus import ScriptedBus, ScriptedMeter, scripted_bus

HEAT = SecondaryAddress.from_text("852467982D2C3504")
WATER = SecondaryAddress.from_text("11490378.ACW.0E.16")
LIST = f"secondary_address,primary_address,note\n{HEAT},,<b>cellar</b>\n{WATER},7,\n00000001FFFFFFFF,,\n"
FORM = {"name": "Cellar", "way": "tcp", "host": "127.0.0.1", "baud": "19200", "timeout": "0.05", "retries": "0",
        "min_baud": "300", "max_baud": "19200", "more": "allowance=0.05&gap=0.05"}  # fmt: skip


@pytest.fixture
def bus() -> Iterator[ScriptedBus]:
    with scripted_bus(ScriptedMeter(5, HEAT), ScriptedMeter(7, WATER)) as bus:
        yield bus


async def add(client: WebClient, port: int) -> str:
    """Add a local master with the form; give the path of its page."""
    await client.show("/local/new")
    answer = await client.submit("/local/save", {**FORM, "port": str(port)})
    assert "Now import its list" in answer.text, answer.text
    return answer.url.path


async def send_list(client: WebClient, path: str, data: bytes) -> str:
    form = {"csrf": client.csrf, "master": path.rpartition("/")[2]}
    answer = await client.post("/local/import", data=form, files={"file": ("list.csv", data)})
    return answer.text


async def import_whole(client: WebClient, path: str) -> str:
    shown = await send_list(client, path, LIST.encode())
    found = re.search(r'name="key" value="([^"]+)"', shown)
    assert found is not None
    assert "3 meters are new" in shown
    assert "&lt;b&gt;cellar" in shown
    taken = await client.submit("/local/import/take", key=found[1], master=path.rpartition("/")[2])
    return taken.text


async def finished(client: WebClient) -> JobState:
    job = client.services.jobs.list("local reading")[0]
    await client.services.jobs.wait(job.id)
    return job.state


async def test_a_master_is_added_its_list_imported_and_all_meters_read(
    tmp_path: Path, bus: ScriptedBus
) -> None:
    async with headend_web(tmp_path, "operator") as client:
        path = await add(client, bus.port)
        assert "3 meters are new." in await import_whole(client, path)
        begun = await client.submit(f"{path}/read", which="all")
        assert 'sse-connect="' in begun.text
        assert "Read all meters" not in begun.text
        assert await finished(client) is JobState.DONE
        shown = (await client.show(path)).text
        assert "2 of 3 meters were read; silent: 1" in shown
        assert shown.count('<span class="tag good">Read</span>') == 2
        assert shown.count('<span class="tag error">Silent</span>') == 1
        assert 'href="/readings/1"' in shown
        (master,) = [one for one in await client.services.store.masters() if one.local]
        assert client.audited(AuditKind.LOCAL_READING) == [f"{master.serial}: all meters"]
        assert "Cellar" in (await client.show("/local")).text


async def test_chosen_meters_are_read_and_none_is_no_choice(tmp_path: Path, bus: ScriptedBus) -> None:
    async with headend_web(tmp_path, "operator") as client:
        path = await add(client, bus.port)
        await import_whole(client, path)
        assert "Choose a meter first." in (await client.submit(f"{path}/read", meter="<1>")).text
        await client.submit(f"{path}/read", meter="1")
        assert await finished(client) is JobState.DONE
        assert "All 1 meters were read" in (await client.show(path)).text


async def test_a_reading_goes_on_when_the_page_is_left_and_can_be_cancelled(tmp_path: Path) -> None:
    with scripted_bus() as silent:
        async with headend_web(tmp_path, "operator") as client:
            path = await add(client, silent.port)
            await import_whole(client, path)
            await client.submit(f"{path}/read", which="all")
            job = client.services.jobs.list()[0]
            assert job.is_at_work
            assert "is being done already" in (await client.submit(f"{path}/read", which="all")).text
            await client.submit(f"/jobs/{job.id}/cancel")
            assert await finished(client) is JobState.CANCELLED
            assert "Cancelled after" in (await client.show(path)).text


async def test_whether_it_can_be_reached_is_said_in_words(tmp_path: Path, bus: ScriptedBus) -> None:
    async with headend_web(tmp_path, "operator") as client:
        path = await add(client, bus.port)
        assert "The master takes the connection" in (await client.submit(f"{path}/check")).text
        form = {**FORM, "port": "9", "serial": path.rpartition("/")[2]}
        await client.submit("/local/save", form)
        assert "cannot be reached" in (await client.submit(f"{path}/check")).text


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"host": ""}, "Name the master"),
        ({"host": "a b"}, "This is no name"),
        ({"host": "x/../y?ca=/etc/passwd"}, "This is no name"),
        ({"more": "ca=/etc/passwd", "way": "tls"}, "Leave files out"),
        ({"port": "70000"}, "Give a port"),
        ({"name": ""}, "A master has a name"),
        ({"way": "serial", "device": "/etc/shadow", "more": ""}, "is no serial port"),
        ({"way": "serial", "device": ""}, "Name the serial port"),
        ({"timeout": "nan"}, "at most 60 seconds"),
        ({"retries": "-1"}, "Give 0 to 10"),
        ({"min_baud": "19200", "max_baud": "300"}, "below the lowest"),
        ({"fingerprint": "xy", "way": "tls"}, "64 hex digits"),
    ],
)
async def test_what_reaches_no_master_is_said(tmp_path: Path, wrong: dict[str, str], text: str) -> None:
    async with headend_web(tmp_path, "operator") as client:
        await client.show("/local/new")
        answer = await client.submit("/local/save", {**FORM, **wrong})
        assert answer.status_code == 422
        assert text in answer.text
        assert await client.services.store.masters() == ()


async def test_the_form_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    async with headend_web(tmp_path, "operator") as client:
        await client.show("/local/new")
        fingerprint = "ab" * 32
        fields = {**FORM, "way": "tls", "host": "fd00::1", "port": "1500", "fingerprint": fingerprint}
        path = (await client.submit("/local/save", fields)).url.path
        shown = (await client.show(f"{path}/change")).text
        for wanted in (
            'value="fd00::1"',
            'value="1500"',
            f'value="{fingerprint}"',
            "allowance=0.05&amp;gap=0.05",
        ):
            assert wanted in shown
        master = await client.services.store.master(path.rpartition("/")[2])
        assert master.local is not None
        assert master.local.patience.timeout == 0.05


async def test_keys_are_stored_and_neither_shown_nor_logged(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("client")
    pem = issued.key.read_bytes() + issued.certificate.read_bytes()
    async with headend_web(tmp_path / "state", "operator") as client:
        await client.show("/local/new")
        form = {**FORM, "way": "tls", "csrf": client.csrf, "passphrase": ""}
        refused = await client.post("/local/save", data=form, files={"bundle": ("x.pem", b"no key at all")})
        assert refused.status_code == 422
        saved = await client.post(
            "/local/save", data=form, files={"bundle": ("x.pem", pem)}, follow_redirects=True
        )
        assert "with a key of our own" in saved.text
        assert "PRIVATE KEY" not in (await client.show(f"{saved.url.path}/change")).text
        assert client.audited(AuditKind.MASTER_CHANGED)[0].endswith("new key and certificate")
        keys = await client.services.store.local_keys(saved.url.path.rpartition("/")[2])
        assert keys.client is not None
        secret = keys.client.splitlines()[1]
        files = [file for file in tmp_path.joinpath("state").rglob("*") if file.is_file()]
        assert files
        assert not any(secret in file.read_bytes() for file in files)
        await client.show(f"{saved.url.path}/delete")
        await client.submit(f"{saved.url.path}/delete")
        assert await client.services.store.masters() == ()


async def test_a_list_with_problems_is_shown_line_by_line_and_not_taken(
    tmp_path: Path, bus: ScriptedBus
) -> None:
    async with headend_web(tmp_path, "operator") as client:
        path = await add(client, bus.port)
        shown = await send_list(client, path, b"secondary_address\nnonsense<i>\n")
        assert "Nothing was stored." in shown
        assert "<td>2</td>" in shown
        assert 'name="key"' not in shown
        several = f"secondary_address,bus\n{HEAT},a\n{WATER},b\n".encode()
        shown = await send_list(client, path, several)
        key = re.search(r'name="key" value="([^"]+)"', shown)
        assert key is not None
        taken = await client.submit("/local/import/take", key=key[1], master=path.rpartition("/")[2], bus="b")
        assert "1 meter is new." in taken.text
        assert "too long ago" in (await client.submit("/local/import/take", key=key[1], master=path[7:])).text
        form = {"csrf": client.csrf, "master": path[7:]}
        big = await client.post(
            "/local/import", data=form, files={"file": ("x", b"x" * (MAX_SIZE + (1 << 17)))}
        )
        assert big.status_code == 413


async def test_masters_that_call_are_none_of_these(tmp_path: Path) -> None:
    async with headend_web(tmp_path, "operator") as client:
        await enrol(client.services.store)
        for path in ("", "/change", "/delete", "/events"):
            assert (await client.show(f"/local/{SERIAL}{path}")).status_code == 404
        await client.show("/local")
        for path in ("/read", "/check", "/delete"):
            assert (await client.submit(f"/local/{SERIAL}{path}", which="all")).status_code == 404


async def test_readers_have_no_way_in(tmp_path: Path) -> None:
    async with headend_web(tmp_path, "reader") as client:
        await client.show("/alarms")
        for path in (
            "/local",
            "/local/new",
            "/local/x",
            "/local/x/change",
            "/local/x/delete",
            "/local/x/events",
        ):
            assert (await client.get(path)).status_code == 403
        for path in (
            "/local/save",
            "/local/x/read",
            "/local/x/check",
            "/local/x/delete",
            "/local/import",
            "/local/import/take",
        ):
            assert (await client.submit(path, FORM)).status_code == 403
        assert (await client.ask("GET", "/local")).status_code == 403


async def test_the_api_reads_a_master(tmp_path: Path, bus: ScriptedBus) -> None:
    async with headend_web(tmp_path, "operator") as client:
        token = await client.token()
        url = f"tcp://127.0.0.1:{bus.port}?baud=19200&allowance=0.05&gap=0.05"
        given = {"name": "Cellar", "url": url, "patience": {"timeout": 0.05, "retries": 0}}
        for wrong in (
            {**given, "url": "/etc/passwd"},
            {**given, "patience": {"min_baud": 7}},
            {**given, "bundle": "AA=="},
        ):
            assert (await client.ask("POST", "/local", json=wrong, headers=token)).status_code == 422
        serial = (await client.ask("POST", "/local", json=given, headers=token)).json()["serial"]
        sent = await client.ask("POST", f"/local/list?master={serial}", content=LIST, headers=token)
        assert sent.json() == {"lines": 3, "new": 3, "elsewhere": []}
        bad = await client.ask("POST", f"/local/list?master={serial}", content="x\n", headers=token)
        assert bad.status_code == 422
        job = (await client.ask("POST", f"/local/{serial}/read", json={"meters": [1]}, headers=token)).json()
        await client.services.jobs.wait(job["id"])
        done = (await client.ask("GET", f"/jobs/{job['id']}", headers=token)).json()
        assert (done["state"], done["done"], done["total"]) == ("done", 1, 1)
        checked = await client.ask("POST", f"/local/{serial}/check", headers=token)
        assert checked.status_code == 202
        assert (await client.ask("PUT", f"/local/{serial}", json=given, headers=token)).status_code == 200
        assert [one["url"] for one in (await client.ask("GET", "/local", headers=token)).json()] == [url]
        assert (await client.ask("DELETE", f"/local/{serial}", headers=token)).status_code == 204
        assert (await client.ask("POST", f"/local/{serial}/read", json={}, headers=token)).status_code == 404
