import io
import logging
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mbusmaster.bus.traffic import Traffic
from mbusmaster.channels.trust import Trust
from mbusmaster.settings import LogSettings
from mbusmaster.system.logs import Logs
from support.web import NOW, WebClient, web_client

PATH = "/configuration/log"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[WebClient]:
    logs = Logs(monotonic=lambda: 0.0)
    for number in range(1, 251):
        weight = logging.WARNING if number % 10 == 0 else logging.INFO
        logs.system.add(NOW.timestamp() + number, weight, "mbusmaster.app", f"event <{number}>")
    logs.debug.add(NOW.timestamp(), logging.DEBUG, "mbus.link", "a frame")
    async with web_client(tmp_path, logs=logs) as browser:
        await browser.log_in()
        yield browser
        logs.capture_debug(0)


async def test_the_newest_lines_come_first_and_older_ones_on_further_pages(client: WebClient) -> None:
    text = (await client.show(PATH)).text
    assert text.index("event &lt;250&gt;") < text.index("event &lt;249&gt;")
    assert "event &lt;151&gt;" in text
    assert "event &lt;150&gt;" not in text
    text = (await client.show(f"{PATH}?before=151")).text
    assert "event &lt;150&gt;" in text
    assert "event &lt;151&gt;" not in text
    text = (await client.show(f"{PATH}?before=51")).text
    assert "event &lt;1&gt;" in text
    assert ">Older<" not in text


async def test_lines_are_filtered_by_weight_and_text(client: WebClient) -> None:
    text = (await client.show(f"{PATH}?level=warning&text=EVENT")).text
    assert text.count("<li data-level") == 25
    text = (await client.show(f"{PATH}?text=nowhere")).text
    assert "There are no such messages" in text


async def test_the_debug_log_is_shown_beside_the_system_log(client: WebClient) -> None:
    text = (await client.show(f"{PATH}?log=debug")).text
    assert "a frame" in text
    assert "event" not in text


async def test_what_is_asked_for_may_be_nonsense(client: WebClient) -> None:
    for query in ("log=../x", "level=nothing", "before=-1", "before=%C2%B2", "text=" + "%3Cb%3E" * 300):
        answer = await client.show(f"{PATH}?{query}")
        assert answer.status_code == 200
        assert "<b>" not in answer.text


async def test_the_debug_log_is_recorded_for_a_time_that_is_bounded(client: WebClient) -> None:
    logs = client.services.logs
    assert logs is not None
    await client.show(PATH)
    answer = await client.submit(f"{PATH}/debug", minutes="5")
    assert "The debug log is recorded for 5 minutes." in answer.text
    assert "Recorded for 5 more minutes." in answer.text
    assert logs.capture_left == 300
    await client.submit(f"{PATH}/debug", minutes="100000")
    assert logs.capture_left == 3600
    answer = await client.submit(f"{PATH}/debug", minutes="0")
    assert "no longer recorded" in answer.text
    assert logs.capture_left == 0
    assert client.services.audit.entries(kind="settings changed")[-1].detail == "debug log: 5 min"


async def test_support_gets_one_archive_and_the_audit_log_tells_who_took_it(client: WebClient) -> None:
    answer = await client.get(f"{PATH}/download")
    assert answer.headers["content-type"] == "application/zip"
    name = "mbusmaster-SN12345-20261122T090807Z.zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert "event <250>" in archive.read("system.log").decode()
        assert "a frame" in archive.read("debug.log").decode()
        assert "[[buses]]" in archive.read("settings.toml").decode()
        assert "SN12345" in archive.read("counters.json").decode()
        audit = archive.read("audit.txt").decode()
        assert name in audit
        assert "anna" not in audit
    entry = client.services.audit.entries(kind="download")[0]
    assert (entry.who, entry.detail) == ("anna", name)


async def test_a_master_without_a_log_of_its_own_says_so(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.log_in()
        assert "keeps no log of its own" in (await client.show(PATH)).text
        assert (await client.submit(f"{PATH}/debug", minutes="5")).status_code == 200
        assert (await client.get(f"{PATH}/download", follow_redirects=True)).url.path == PATH


async def test_a_whole_log_is_downloaded_as_text(client: WebClient) -> None:
    answer = await client.get(f"{PATH}/text?log=system")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="system-SN12345-20261122T090807Z.log"'
    )
    assert len(answer.text.splitlines()) == 250
    assert client.services.audit.entries(kind="download")


async def test_older_lines_come_from_the_disk_also_after_a_restart(tmp_path: Path) -> None:
    before = Logs()
    before.open(tmp_path, LogSettings())
    for number in range(1500):
        before.system.add(NOW.timestamp(), logging.INFO, "mbusmaster.app", f"event <{number}>")
    before.close()
    logs = Logs()
    logs.open(tmp_path, LogSettings())
    async with web_client(tmp_path, logs=logs) as client:
        await client.log_in()
        text = (await client.show(PATH)).text
        assert "event &lt;1499&gt;" in text
        text = (await client.show(f"{PATH}?before=11")).text
        assert text.count("<li data-level") == 10
        assert "event &lt;0&gt;" in text
        assert "event &lt;77&gt;" in (await client.show(f"{PATH}?text=%3C77%3E")).text
    logs.close()


async def test_the_bus_trace_is_recorded_with_the_debug_log_where_that_is_wanted(tmp_path: Path) -> None:
    logs = Logs()
    logs.open(tmp_path, LogSettings())
    logs.trace_buses({"main": Traffic()})
    async with web_client(tmp_path, logs=logs) as client:
        await client.log_in()
        assert "Record the bus trace too" in (await client.show(PATH)).text
        answer = await client.submit(f"{PATH}/debug", minutes="5", trace="true")
        assert "The bus trace is recorded too." in answer.text
        assert client.services.audit.entries(kind="settings changed")[0].detail == (
            "debug log and bus trace: 5 min"
        )
        answer = await client.submit(f"{PATH}/debug", minutes="0")
        assert "The bus trace is recorded too." not in answer.text
        with zipfile.ZipFile(io.BytesIO((await client.get(f"{PATH}/download")).content)) as archive:
            assert archive.read("bus.trace").startswith(b"# bus trace 1")
    logs.close()


async def test_no_secret_that_a_backup_has_is_in_the_archive(tmp_path: Path) -> None:
    logs = Logs()
    logs.open(tmp_path, LogSettings())
    trust = Trust(tmp_path / "trust")
    trust.issue("reader", None)
    async with web_client(tmp_path, logs=logs, trust=trust) as client:
        await client.log_in()
        token, secret = await client.services.access.create_token("anna", "nightly script")
        content = (await client.get(f"{PATH}/download")).content
        hidden = [client.services.access.export_secrets(), trust.export_secrets(), secret.encode()]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    pieces = {piece for data in hidden for piece in re.findall(rb"[A-Za-z0-9+/=$,_-]{24,}", data)}
    assert len(pieces) > 10
    assert not [piece for piece in pieces if piece in whole]
    assert token.title not in whole.decode()
    trust.close()
    logs.close()
