import json
import re
from pathlib import Path

import httpx

from mbusmaster.channels.trust import Trust
from mbusmaster.settings import BusSettings, Settings
from support.web import WebClient, web_client

PATH = "/configuration/backup"
PASSPHRASE = "correct horse battery"


async def look(client: WebClient, data: bytes, opening: str = "") -> httpx.Response:
    form = {"csrf": client.csrf, "opening": opening}
    return await client.post(
        f"{PATH}/look", data=form, files={"file": ("x.json", data)}, follow_redirects=True
    )


def key_in(html: str) -> str:
    key: str = re.findall(r'name="key" value="([^"]+)"', html)[0]
    return key


async def saved(client: WebClient, **form: str) -> bytes:
    await client.show(PATH)
    answer = await client.submit(f"{PATH}/download", form)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="mbusmaster-SN12345-')
    return answer.content


async def test_settings_are_carried_from_one_master_to_another(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    settings = Settings(buses=(BusSettings(timeout=3), BusSettings(name="cellar")))
    async with web_client(tmp_path, settings=settings) as client:
        await client.log_in()
        data = await saved(client, kind="plain")
        assert client.services.audit.entries(kind="backup")[0].who == "anna"
    async with web_client(tmp_path / "other") as client:
        await client.log_in("berta")
        await client.show(PATH)
        answer = await look(client, data)
        assert "Restore this configuration?" in answer.text
        assert "Timeout [seconds]</th><td>2</td><td>3</td>" in answer.text
        assert client.services.settings.stored == Settings()
        answer = await client.submit(f"{PATH}/restore", key=key_in(answer.text))
        assert answer.url.path == "/configuration/restart"
        assert client.services.settings.stored.buses == settings.buses
        details = [entry.detail for entry in client.services.audit.entries(kind="restore")]
        assert "file of SN12345 made 2026-11-22 09:08Z" in details
        assert any("buses.0.timeout: 2 → 3" in detail for detail in details)


async def test_a_plain_file_has_no_users_and_an_encrypted_one_shows_none(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        plain = json.loads(await saved(client, kind="plain"))
        assert "secrets" not in plain
        assert "anna" not in json.dumps(plain)
        sealed = await saved(client, kind="users", passphrase=PASSPHRASE, again=PASSPHRASE)
        assert b"anna" not in sealed
        assert b"argon2" not in sealed


async def test_users_come_back_with_their_passwords_if_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with web_client(tmp_path) as client:
        await client.log_in("anna", "a long passphrase")
        data = await saved(client, kind="users", passphrase=PASSPHRASE, again=PASSPHRASE)
    async with web_client(tmp_path / "other") as client:
        await client.log_in("berta", "another passphrase")
        await client.show(PATH)
        answer = await look(client, data, PASSPHRASE)
        assert "Restore the users too: anna" in answer.text
        assert "You are not among them" in answer.text
        answer = await client.submit(f"{PATH}/restore", key=key_in(answer.text), users="true")
        assert answer.url.path == "/login"
        assert [user.name for user in client.services.access.users()] == ["anna"]
        assert (await client.show(PATH)).url.path == "/login"
        await client.submit("/login", name="anna", password="a long passphrase")
        assert (await client.show(PATH)).url.path == PATH


async def test_users_stay_as_they_are_unless_that_is_wanted(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        data = await saved(client, kind="users", passphrase=PASSPHRASE, again=PASSPHRASE)
        await client.services.access.add_user("berta", "another passphrase")
        await client.show(PATH)
        answer = await look(client, data, PASSPHRASE)
        assert "No setting changes." in answer.text
        await client.submit(f"{PATH}/restore", key=key_in(answer.text))
        assert len(client.services.access.users()) == 2


async def test_a_passphrase_that_is_short_or_typed_differently_is_refused_at_its_field(
    tmp_path: Path,
) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(f"{PATH}/download", kind="users", passphrase=PASSPHRASE, again="x")
        assert answer.status_code == 422
        assert 'id="again-problem"' in answer.text
        answer = await client.submit(f"{PATH}/download", kind="users", passphrase="short", again="short")
        assert answer.status_code == 422
        assert 'id="passphrase-problem" class="problem">the passphrase must have 12' in answer.text
        assert not client.services.audit.entries(kind="backup")


async def test_what_is_no_backup_is_refused_with_a_message(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        sealed = await saved(client, kind="users", passphrase=PASSPHRASE, again=PASSPHRASE)
        plain = json.loads(await saved(client, kind="plain"))
        plain["settings"]["buses"][0]["timeout"] = 99
        await client.show(PATH)
        for data, opening, text in (
            (b"", "", "Choose a file first"),
            (b"\x00\xff", "", "this is no saved configuration"),
            (b"[" * 100_000, "", "this is no saved configuration"),
            (sealed, "", "the configuration is encrypted"),
            (sealed, "wrong passphrase", "the passphrase is wrong or the file is damaged"),
            (json.dumps(plain).encode(), "", "Timeout [seconds]: must be 1 to 3"),
        ):
            answer = await look(client, data, opening)
            assert answer.status_code == 422
            assert 'id="file-problem"' in answer.text
            assert text in answer.text
        assert client.services.settings.stored == Settings()


async def test_a_file_that_changes_nothing_is_not_restored(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        data = await saved(client, kind="plain")
        await client.show(PATH)
        assert "has nothing that is not in force here already" in (await look(client, data)).text


async def test_what_belongs_to_this_machine_stays_and_is_not_announced_as_a_change(tmp_path: Path) -> None:
    here = Settings.model_validate({"web": {"port": 8080}, "state_folder": str(tmp_path)})
    async with web_client(tmp_path, settings=here) as client:
        await client.log_in()
        data = json.loads(await saved(client, kind="plain"))
        data["settings"]["device"] = {"name": "Harbour 12"}
        await client.show(PATH)
        answer = await look(client, json.dumps(data).encode())
        assert answer.text.count('<th scope="row">Device') == 1
        assert "State folder" not in answer.text
        await client.submit(f"{PATH}/restore", key=key_in(answer.text))
        stored = client.services.settings.stored
        assert (stored.device.name, stored.web.port, stored.state_folder) == ("Harbour 12", 8080, tmp_path)


async def test_a_file_that_clashes_with_this_machine_is_refused_whole(tmp_path: Path) -> None:
    here = Settings.model_validate({"web": {"port": 8080}})
    async with web_client(tmp_path, settings=here) as client:
        await client.log_in()
        data = json.loads(await saved(client, kind="plain"))
        data["settings"]["channels"] = {"secured_tcp": {"port": 8080}}
        await client.show(PATH)
        answer = await look(client, json.dumps(data).encode())
        answer = await client.submit(f"{PATH}/restore", key=key_in(answer.text))
        assert answer.status_code == 422
        assert "port 8080 is used already" in answer.text
        assert client.services.settings.stored == here


async def test_an_answer_counts_once_and_only_for_who_opened_the_file(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        data = json.loads(await saved(client, kind="plain"))
        data["settings"]["hosting"] = {"enabled": True}
        await client.show(PATH)
        key = key_in((await look(client, json.dumps(data).encode())).text)
        await client.services.access.add_user("berta", "another passphrase")
        await client.submit("/logout")
        await client.log_in("berta", "another passphrase")
        await client.show(PATH)
        answer = await client.submit(f"{PATH}/restore", key=key)
        assert "opened too long ago" in answer.text
        assert not client.services.settings.stored.hosting.enabled


async def test_a_file_that_is_too_big_is_refused(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        assert (await look(client, b"x" * 3_000_000)).status_code == 413


async def test_a_replaced_master_gets_the_clients_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    trust, other = Trust(tmp_path / "trust"), Trust(tmp_path / "other/trust")
    trust.issue("reader", None)
    other.issue("theirs", None)
    async with web_client(tmp_path, trust=trust) as client:
        await client.log_in()
        data = await saved(client, kind="users", passphrase=PASSPHRASE, again=PASSPHRASE)
    async with web_client(tmp_path / "other", trust=other) as client:
        await client.log_in("berta")
        await client.show(PATH)
        answer = await look(client, data, PASSPHRASE)
        assert "Restore the trusted clients too: 1" in answer.text
        answer = await client.submit(f"{PATH}/restore", key=key_in(answer.text), clients="true")
        assert "The trusted clients were restored." in answer.text
        assert [one.name for one in other.clients()] == ["reader"]
        assert other.authority_pem() == trust.authority_pem()
        details = [entry.detail for entry in client.services.audit.entries(kind="restore")]
        assert "trusted clients of SN12345" in details
        answer = await look(client, data, PASSPHRASE)
        await client.submit(f"{PATH}/restore", key=key_in(answer.text))
    trust.close()
    other.close()


async def test_a_master_with_damaged_keys_says_so_and_is_repaired_from_a_backup(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    trust = Trust(tmp_path / "trust")
    trust.issue("reader", None)
    async with web_client(tmp_path, trust=trust) as client:
        await client.log_in()
        data = await saved(client, kind="users", passphrase=PASSPHRASE, again=PASSPHRASE)
    trust.close()
    repaired: list[bytes] = []
    async with web_client(
        tmp_path / "other", trust_problem="authority.pem is damaged", repair_trust=repaired.append
    ) as client:
        await client.log_in("berta")
        answer = await client.show("/configuration/security/clients")
        assert answer.status_code == 503
        assert "Authority.pem is damaged" in answer.text
        await client.show(PATH)
        answer = await look(client, data, PASSPHRASE)
        answer = await client.submit(f"{PATH}/restore", key=key_in(answer.text), clients="true")
        assert answer.url.path == "/configuration/restart"
        assert len(repaired) == 1
