from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from mbusmaster.system.unavailable import NotAvailableError
from mbusmaster.system.update import UpdateState, UpdateStatus
from mbusmaster.web.actions import firmware
from support.web import WebClient, web_client

PATH = "/configuration/firmware"
NAME = "MBMC2022_release_0012.tar"


class Updater:
    """Stands in for the updater: keeps what it gets, piece by piece."""

    def __init__(self, status: UpdateStatus = UpdateStatus.IDLE, refuse: str = "") -> None:
        self.state = UpdateState(status, release="0012", progress=40)
        self.received: list[tuple[str, int]] = []
        self.largest = 0
        self._refuse = refuse

    async def install(self, name: str, content: AsyncIterator[bytes]) -> None:
        if self._refuse:
            raise NotAvailableError(self._refuse)
        size = 0
        async for piece in content:
            size += len(piece)
            self.largest = max(self.largest, len(piece))
        self.received.append((name, size))


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
