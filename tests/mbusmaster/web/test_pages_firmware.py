from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from mbusmaster.system.update import (
    NO_SERVER,
    Installed,
    LastUpdate,
    Outcome,
    ServerCheck,
    ServerState,
    UpdateError,
    UpdateState,
    UpdateStatus,
)
from mbusmaster.system.update_server import TOO_SLOW
from mbusmaster.web.actions import firmware
from mbusweb.texts import Text
from support.web import NOW, WebClient, web_client

PATH = "/configuration/firmware"
NAME = "MBMC2022_release_0012.tar"


class Updater:
    """Stands in for the updater: keeps what it gets, piece by piece."""

    def __init__(self, status: UpdateStatus = UpdateStatus.IDLE, refuse: str = "") -> None:
        self.state = UpdateState(status, release="0012", progress=40)
        self.wishes: list[str] = []
        self.received: list[tuple[str, int]] = []
        self.largest = 0
        self._refuse = refuse

    async def install(self, name: str, content: AsyncIterator[bytes], size: int | None = None) -> None:
        if self._refuse:
            raise UpdateError(self._refuse)
        size = 0
        async for piece in content:
            size += len(piece)
            self.largest = max(self.largest, len(piece))
        self.received.append((name, size))

    async def check(self) -> None:
        if not self.state.server.url:
            raise UpdateError(NO_SERVER)
        self.wishes.append("check")

    async def install_offered(self) -> None:
        self.wishes.append("install")


async def upload(client: WebClient, name: str, content: bytes) -> httpx.Response:
    """Send a file as the form does without scripts."""
    return await client.post(
        f"{PATH}/upload", data={"csrf": client.csrf}, files={"file": (name, content)}, follow_redirects=True
    )


async def test_where_no_update_can_be_installed_the_page_says_so_and_takes_no_file(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "This release does not update itself" in text
        assert '<fieldset class="drop" disabled>' in text
        assert "MBMC2022_release_xxxx.tar" in text
        answer = await upload(client, NAME, b"x" * 1000)
        assert answer.url.path == PATH
        assert "The file is here" not in answer.text
        assert not client.services.audit.entries(kind="firmware")


async def test_a_file_goes_to_the_updater_in_pieces(tmp_path: Path) -> None:
    updater = Updater()
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await upload(client, NAME, b"x" * 3_000_000)
        assert "Unpacking and installing it takes about 10 minutes" in answer.text
        assert updater.received == [(NAME, 3_000_000)]
        assert updater.largest <= 65536
        assert client.services.audit.entries(kind="firmware")[0].detail == NAME


async def test_a_script_sends_the_file_alone_and_is_told_where_to_go(tmp_path: Path) -> None:
    updater = Updater()
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        await client.show(PATH)
        headers = {"x-csrf-token": client.csrf, "x-file-name": NAME, "hx-request": "true"}
        answer = await client.post(f"{PATH}/upload", content=b"x" * 200_000, headers=headers)
        assert answer.status_code == 204
        assert answer.headers["hx-redirect"] == PATH
        assert updater.received == [(NAME, 200_000)]


async def test_other_names_are_refused(tmp_path: Path) -> None:
    updater = Updater()
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        await client.show(PATH)
        for name in ("release.tar", f"../{NAME}", f"{NAME}.exe", "MBMC2022_release_.tar", "x" * 3000):
            answer = await upload(client, name, b"x")
            assert "its name must be like MBMC2022_release_xxxx.tar" in answer.text
        answer = await client.submit(f"{PATH}/upload")
        assert "Choose a file first" in answer.text
        assert not updater.received


async def test_what_the_updater_refuses_is_told_and_written_down(tmp_path: Path) -> None:
    async with web_client(tmp_path, update=Updater(refuse="The signature is not good.")) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await upload(client, NAME, b"x")
        assert "The signature is not good." in answer.text
        assert client.services.audit.entries(kind="firmware")[0].outcome == "refused"


async def test_a_file_that_is_too_big_is_refused_before_it_is_read(tmp_path: Path) -> None:
    updater = Updater()
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        await client.show(PATH)
        headers = {
            "x-csrf-token": client.csrf,
            "x-file-name": NAME,
            "content-length": str(firmware.MAX_SIZE * 2),
        }
        answer = await client.post(f"{PATH}/upload", content=b"x", headers=headers)
        assert answer.status_code == 413
        assert not updater.received


async def test_while_one_update_is_busy_no_other_begins_and_the_page_follows_it(tmp_path: Path) -> None:
    updater = Updater(UpdateStatus.INSTALLING)
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "Installing: do not switch off" in text
        assert '<li aria-current="step" class="state off">Install</li>' in text
        assert 'hx-get="/configuration/firmware/state"' in text
        assert '<progress value="40"' in (await client.get(f"{PATH}/state")).text
        answer = await upload(client, NAME, b"x")
        assert "An update is under way already" in answer.text
        assert not updater.received


async def test_automatic_updates_are_switched_without_a_restart(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        await client.submit(PATH, {"firmware.automatic": "false"})
        assert not client.services.settings.running.firmware.automatic


async def test_what_is_installed_and_what_became_of_the_last_release_is_shown(tmp_path: Path) -> None:
    updater = Updater()
    why = Text("It was started %(starts)s times.", {"starts": 3})
    updater.state = UpdateState(
        UpdateStatus.IDLE,
        installed=Installed("0012", "0.2.12", "a", on_trial=True),
        last=LastUpdate("0013", Outcome.ROLLED_BACK, why),
    )
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "Release 0013 did not start and was taken back: It was started 3 times." in text
        assert "0012 (on trial)" in text
        assert "Release 0012 was started a moment ago" in text
        updater.state = UpdateState(UpdateStatus.IDLE, last=LastUpdate("0013", Outcome.INSTALLED))
        assert "Release 0013 is installed." in (await client.show(PATH)).text


async def test_a_page_that_waits_loads_anew_when_nothing_moves_any_more(tmp_path: Path) -> None:
    updater = Updater(UpdateStatus.INSTALLED)
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        assert "Installed: the master restarts" in (await client.get(f"{PATH}/state")).text
        updater.state = UpdateState(UpdateStatus.IDLE)
        answer = await client.get(f"{PATH}/state", headers={"hx-request": "true"})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (204, PATH)


async def test_the_update_server_is_named_asked_and_what_came_of_it_shown(tmp_path: Path) -> None:
    updater = Updater()
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "none since the start" in text
        assert "Check now" not in text
        answer = await client.submit(PATH, {"firmware.server": "ftp://updates.example"})
        assert "must be an address such as https://updates.example" in answer.text
        await client.submit(PATH, {"firmware.server": "https://updates.example"})
        assert client.services.settings.running.firmware.server == "https://updates.example"
        slow = ServerCheck(NOW, reached=False, problem=Text(TOO_SLOW, {"seconds": 180}))
        updater.state = UpdateState(
            UpdateStatus.IDLE, server=ServerState("https://updates.example", last=slow)
        )
        text = (await client.show(PATH)).text
        assert "09:08:07: The update server answers too slowly" in text
        await client.submit(f"{PATH}/check")
        offers = ServerCheck(NOW, reached=True, offers="0013")
        updater.state = UpdateState(
            UpdateStatus.IDLE, server=ServerState("https://updates.example", last=offers)
        )
        text = (await client.show(PATH)).text
        assert "The update server has release 0013." in text
        await client.submit(f"{PATH}/offered")
        assert updater.wishes == ["check", "install"]


async def test_where_no_server_is_named_a_check_says_so(tmp_path: Path) -> None:
    async with web_client(tmp_path, update=Updater()) as client:
        await client.log_in()
        await client.show(PATH)
        assert NO_SERVER in (await client.submit(f"{PATH}/check")).text


async def test_the_page_has_the_history_of_updates(tmp_path: Path) -> None:
    async with web_client(tmp_path, update=Updater()) as client:
        await client.log_in()
        await client.show(PATH)
        await upload(client, NAME, b"x")
        client.services.audit.record("firmware", who="", source="", detail="release 0012 is installed")
        text = (await client.show(PATH)).text
        assert text.index("<span>release 0012 is installed</span>") < text.index(f"<span>{NAME}</span>")


async def test_the_api_tells_and_does_the_same(tmp_path: Path) -> None:
    updater = Updater()
    async with web_client(tmp_path, update=updater) as client:
        await client.log_in()
        _token, secret = await client.services.access.create_token("anna", "test", source="here")
        headers = {"authorization": f"Bearer {secret}"}
        answer = await client.post(f"/api/v1/firmware?name={NAME}", content=b"x" * 1000, headers=headers)
        assert (answer.status_code, updater.received) == (202, [(NAME, 1000)])
        assert answer.json()["kind"] == "slots"
        answer = await client.post("/api/v1/firmware/check", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (409, NO_SERVER)
        updater.state = UpdateState(UpdateStatus.INSTALLED)
        answer = await client.post("/api/v1/firmware/offered", headers=headers)
        assert answer.status_code == 409


async def test_nothing_of_a_file_is_kept_from_who_is_not_logged_in_not_even_at_the_setup_interface(
    tmp_path: Path,
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="x.tar"\r\n\r\n'
        while sent < 64 << 20:
            sent += 1 << 20
            yield bytes(1 << 20)

    async with web_client(tmp_path) as client:
        form = {"content-type": "multipart/form-data; boundary=b"}
        answer = await client.post(f"{PATH}/upload", content=endless(), headers=form)
    assert answer.status_code == 413
    assert sent <= 2 << 20
