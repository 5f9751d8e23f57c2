import re
from pathlib import Path

import httpx

from mbus.addressing import SecondaryAddress
from mbusio.meterfile import MAX_SIZE
from mbusmaster.meterlist import Status
from mbusmaster.meterlist.sighting import Sighting
from mbusmaster.web.waiting_upload import LONGEST_WAIT, MOST, Upload, WaitingUploads
from support.web import WebClient, web_client

HEAT = "852467982D2C3504"
WATER = "11223344A7320707"
GOOD = f"secondary_address,note\r\n{HEAT},cellar\r\n{WATER},\r\n"
MIXED = f"secondary_address,primary_address\r\n{HEAT},7\r\nnonsense,8\r\n{WATER},900\r\n"


async def send(client: WebClient, data: str | bytes, path: str = "/meters/import") -> httpx.Response:
    await client.show("/meters")
    file = ("list.csv", data if isinstance(data, bytes) else data.encode(), "text/csv")
    return await client.post(path, data={"csrf": client.csrf}, files={"file": file}, follow_redirects=True)


def key_of(answer: httpx.Response) -> str:
    found = re.search(r'name="key" value="([^"]+)"', answer.text)
    return found[1] if found else ""


def addresses(client: WebClient) -> list[str]:
    return [row.address for row in client.services.meters.meters()]


async def test_a_file_without_problems_is_taken_at_once(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await send(client, GOOD)
        assert answer.url.path == "/meters"
        assert "Imported: 2 meters added, 0 updated, 0 unchanged." in answer.text
        assert addresses(client) == [HEAT, WATER]
        entry = client.services.audit.entries()[0]
        assert (entry.kind, entry.outcome) == ("meters changed", "ok")
        assert entry.detail == "meter list imported from list.csv: 2 added, 0 updated, 0 problems"


async def test_a_list_goes_out_and_comes_back_in(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meters = client.services.meters
        seen = Sighting(Status.ANSWERS, SecondaryAddress.from_text(HEAT), 7, "heat_outlet", "00001234")
        meters.set_note(meters.record(seen, bus="main", baud=9600).meter.id, "=1+1")
        before = meters.meters()
        data = (await client.get("/meters/download")).content
        await client.show("/meters/clear")
        await client.submit("/meters/clear")
        await send(client, data)
        (after,) = meters.meters()
        assert (after.secondary, after.note, after.baud, after.status) == (
            before[0].secondary,
            "=1+1",
            9600,
            Status.ANSWERS,
        )


async def test_bad_lines_are_told_and_nothing_is_taken_until_the_good_ones_are_wanted(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await send(client, MIXED)
        assert answer.status_code == 422
        assert "2 problems were found." in answer.text
        rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", answer.text)
        assert [(line, column) for line, column, _text in rows] == [
            ("3", "Secondary address"),
            ("4", "Primary address"),
        ]
        assert "is no secondary address: give the 8 digits on the meter" in rows[0][2]
        assert addresses(client) == []
        assert "Take the 1 good line" in answer.text
        answer = await client.submit("/meters/import/good", key=key_of(answer))
        assert "Imported: 1 meters added" in answer.text
        assert addresses(client) == [HEAT]
        outcomes = [entry.outcome for entry in client.services.audit.entries()]
        assert outcomes == ["ok", "refused"]


async def test_an_answer_works_once_and_only_for_the_browser_that_sent_the_file(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        key = key_of(await send(client, MIXED))
        cookies = dict(client.cookies)
        client.cookies.clear()
        await client.show("/meters")
        answer = await client.submit("/meters/import/good", key=key)
        assert "The file was sent too long ago. Choose it again." in answer.text
        client.cookies.clear()
        client.cookies.update(cookies)
        await client.show("/meters")
        await client.submit("/meters/import/good", key=key)
        assert addresses(client) == [HEAT]
        assert "too long ago" in (await client.submit("/meters/import/good", key=key)).text


async def test_a_file_that_is_no_list_is_refused_without_a_choice(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for data in (b"", b"PK\x03\x04\0\0", "name,value\r\n1,2\r\n", b"\xff\xfe\x00"):
            answer = await send(client, data)
            assert answer.status_code == 422, data
            assert "the file cannot be taken" in answer.text
            assert key_of(answer) == ""
        assert addresses(client) == []


async def test_a_form_without_a_file_says_so(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await client.show("/meters")
        assert "Choose a file first." in (await client.submit("/meters/import")).text


async def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        assert (await send(client, b"x" * (MAX_SIZE + 1))).status_code == 422
        assert (await send(client, b"x" * (MAX_SIZE + (1 << 17)))).status_code == 413


async def test_what_a_file_says_is_shown_as_text(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        answer = await send(client, "secondary_address,<script>\r\n<img src=x>,1\r\n")
        assert "<img" not in answer.text
        assert "<script>" not in answer.text
        assert "&lt;IMG SRC=X&gt;" in answer.text


def test_of_waiting_files_the_oldest_goes_and_none_stays_for_long() -> None:
    now = 0.0
    waiting = WaitingUploads(lambda: now)
    keys = [waiting.keep(f"browser {number}", Upload("a", b"", "main")) for number in range(MOST + 1)]
    assert waiting.take("browser 0", keys[0]) is None
    assert waiting.take("browser 1", keys[1]) is not None
    first = waiting.keep("browser 2", Upload("b", b"", "main"))
    assert waiting.take("browser 2", keys[2]) is None
    now = LONGEST_WAIT + 1
    assert waiting.take("browser 2", first) is None
