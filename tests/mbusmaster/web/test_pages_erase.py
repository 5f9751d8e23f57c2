from pathlib import Path
from typing import Any

import pytest

from mbusmaster.settings import Settings
from mbusmaster.system.erase import MARK, Eraser
from mbusmaster.system.restart import Restart
from mbusmaster.system.update import UpdateState, UpdateStatus
from support.api import api_client
from support.web import web_client

PATH = "/configuration/restart/erase"
OWN = "a long passphrase"


class Busy:
    """Stands in for an updater at work."""

    state = UpdateState(UpdateStatus.INSTALLING)


def restart(tmp_path: Path, stopped: list[str]) -> Restart:
    return Restart(lambda: stopped.append("stopped"), Eraser(tmp_path))


async def test_the_page_says_what_goes_and_what_stays_and_is_found_from_the_restart_page(
    tmp_path: Path,
) -> None:
    (tmp_path / "holiday.jpg").touch()
    async with web_client(tmp_path, restart=restart(tmp_path, [])) as client:
        await client.log_in()
        assert f'href="{PATH}"' in (await client.show("/configuration/restart")).text
        text = (await client.show(PATH)).text
        for words in ("all users, logins", "meter list", "keys and certificates", "holiday.jpg", "journal"):
            assert words in text
        assert 'aria-current="page"' in text


async def test_after_the_own_password_the_mark_is_there_and_the_master_restarts(tmp_path: Path) -> None:
    stopped: list[str] = []
    async with web_client(tmp_path, restart=restart(tmp_path, stopped)) as client:
        await client.log_in("anna", OWN)
        await client.show(PATH)
        for wrong in ("", "something else"):
            answer = await client.submit(PATH, own=wrong)
            assert answer.status_code == 422
            assert 'id="own-problem"' in answer.text
            assert not (tmp_path / MARK).exists()
            assert not stopped
        answer = await client.submit(PATH, own=OWN)
        assert "The master is restarting" in answer.text
        assert (tmp_path / MARK).exists()
        assert stopped == ["stopped"]
        assert client.services.audit.entries(kind="restart")[0].detail == "all data is erased"


async def test_nobody_but_a_user_may_erase(tmp_path: Path) -> None:
    stopped: list[str] = []
    async with web_client(tmp_path, restart=restart(tmp_path, stopped)) as client:
        await client.show("/login")
        assert (await client.show(PATH)).url.path == "/login"
        await client.submit(PATH, own="user")
        await client.log_in("user", "user")
        await client.submit(PATH, own="user")
        assert not (tmp_path / MARK).exists()
        assert not stopped


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"update": Busy()}, "An update is being installed"),
        ({"restart": None}, "cannot restart itself"),
        ({"restart": Restart(lambda: None)}, "use the command mbusmaster erase"),
    ],
)
async def test_where_it_cannot_be_the_page_says_why(
    tmp_path: Path, parts: dict[str, Any], words: str
) -> None:
    async with web_client(tmp_path, **{"restart": restart(tmp_path, []), **parts}) as client:
        await client.log_in("anna", OWN)
        assert words in (await client.show(PATH)).text
        answer = await client.submit(PATH, own=OWN)
        assert words in answer.text
        assert not (tmp_path / MARK).exists()


async def test_not_while_another_state_folder_waits_for_the_restart(tmp_path: Path) -> None:
    here = Settings.model_validate({"state_folder": str(tmp_path)})
    async with web_client(tmp_path, settings=here, restart=restart(tmp_path, [])) as client:
        await client.log_in("anna", OWN)
        client.services.settings.change({"state_folder": "/srv/other"})
        assert "Another state folder waits" in (await client.show(PATH)).text
        await client.submit(PATH, own=OWN)
        assert not (tmp_path / MARK).exists()


async def test_a_disk_that_takes_no_mark_is_said_and_nothing_restarts(tmp_path: Path) -> None:
    stopped: list[str] = []
    wish = Restart(lambda: stopped.append("stopped"), Eraser(tmp_path / "gone"))
    async with web_client(tmp_path, restart=wish) as client:
        await client.log_in("anna", OWN)
        await client.show(PATH)
        answer = await client.submit(PATH, own=OWN)
        assert answer.status_code == 503
        assert "cannot write" in answer.text
        assert not stopped


async def test_a_program_erases_with_the_words_that_say_so(tmp_path: Path) -> None:
    stopped: list[str] = []
    async with api_client(tmp_path, restart=restart(tmp_path, stopped)) as api:
        for wrong in ({}, {"confirmation": "yes"}, {"confirmation": True}):
            assert (await api.ask("POST", "/erase", json=wrong)).status_code == 422
        assert not (tmp_path / MARK).exists()
        answer = await api.ask("POST", "/erase", json={"confirmation": "erase all data"})
        assert answer.status_code == 202
        assert (tmp_path / MARK).exists()
        assert stopped == ["stopped"]


async def test_where_the_api_cannot_erase_it_says_why(tmp_path: Path) -> None:
    words = {"confirmation": "erase all data"}
    async with api_client(tmp_path, restart=Restart(lambda: None)) as api:
        assert (await api.ask("POST", "/erase", json=words)).status_code == 501
    (tmp_path / "busy").mkdir()
    async with api_client(tmp_path / "busy", restart=restart(tmp_path, []), update=Busy()) as api:
        assert (await api.ask("POST", "/erase", json=words)).status_code == 409
