import re
from pathlib import Path

from mbusmaster.system.restart import ExitReason, Restart
from mbusmaster.system.update import UpdateState, UpdateStatus
from support.web import web_client

PATH = "/configuration/restart"


class Busy:
    """Stands in for an updater at work."""

    state = UpdateState(UpdateStatus.INSTALLING)


async def test_what_waits_for_a_restart_is_listed_with_what_is_and_what_will_be(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        assert "Nothing: all settings are in force." in (await client.show(PATH)).text
        client.services.settings.change(
            {"buses.0.timeout": "3", "channels.discovery": "false", "web.host_names": "mbus.example"}
        )
        text = (await client.show(PATH)).text
        rows = re.findall(r'<th scope="row">([^<]+)</th><td>([^<]+)</td><td>([^<]+)</td>', text)
        assert [row[1:] for row in rows] == [("2", "3"), ("On", "Off"), ("empty", "mbus.example")]


async def test_the_master_restarts_after_a_question_and_the_page_comes_back_by_itself(tmp_path: Path) -> None:
    stopped: list[str] = []
    restart = Restart(lambda: stopped.append("stopped"))
    async with web_client(tmp_path, restart=restart) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(PATH)
        assert "Restart the master?" in answer.text
        assert not stopped
        answer = await client.submit(f"{PATH}/now")
        assert "The master is restarting" in answer.text
        assert '<noscript><meta http-equiv="refresh" content="20; url=/status"></noscript>' in answer.text
        assert stopped == ["stopped"]
        assert restart.reason is ExitReason.RESTART
        assert client.services.audit.entries(kind="restart")[0].who == "anna"
        start = re.findall(r'data-start="([0-9a-f]+)"', answer.text)[0]
        assert (await client.get(f"{PATH}/start")).text == start


async def test_each_start_has_a_mark_of_its_own(tmp_path: Path) -> None:
    marks = set()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        async with web_client(tmp_path / name) as client:
            await client.log_in()
            marks.add((await client.get(f"{PATH}/start")).text)
    assert len(marks) == 2


async def test_no_restart_while_an_update_is_being_installed(tmp_path: Path) -> None:
    stopped: list[str] = []
    restart = Restart(lambda: stopped.append("stopped"))
    async with web_client(tmp_path, restart=restart, update=Busy()) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "An update is being installed" in text
        assert '<button type="submit" disabled>' in text
        answer = await client.submit(f"{PATH}/now")
        assert "Do not restart now" in answer.text
        assert not stopped


async def test_a_master_that_cannot_restart_itself_says_so(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        await client.show(PATH)
        answer = await client.submit(f"{PATH}/now")
        assert "This master cannot restart itself" in answer.text
