import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import Meter, MeterList, Status
from mbusmaster.meterlist.diagnosis import Verdict
from mbusmaster.meterlist.sighting import Sighting
from mbusmaster.web.meter_view import PAGE
from mbussim.population import population
from support.web import WebClient, web_client

HEAT = SecondaryAddress.from_text("852467982D2C3504")
WATER = SecondaryAddress.from_text("11223344A7320707")

SEEN = (
    (Status.SILENT, "no answer at 2400 baud, nor one that can be read at 300, 9600", "Silent"),
    (Status.COLLISION, "several answers at once: several meters seem to share the address", "Collision"),
    (Status.GARBLED, "the answer is damaged: several meters may share the address", "Garbled"),
    (Status.WRONG_ADDRESS, "meter 852467982D2C3504 answers in its place, from address 7", "Wrong address"),
    (Status.OTHER_BAUD, "it answers at 300 baud, and at 2400 baud: nothing", "Other baud rate"),
    (Status.ACKNOWLEDGES, "it acknowledges, but sends no data", "Acknowledges only"),
)


def add(meters: MeterList, address: SecondaryAddress, primary: int, baud: int = 2400) -> Meter:
    medium = {4: "heat_outlet", 7: "water"}.get(address.medium, "other")
    seen = Sighting(Status.ANSWERS, address, primary, medium, f"F{primary:03}")
    return meters.record(seen, bus="main", baud=baud).meter


def addresses(text: str) -> list[str]:
    """Give the meters that a page shows, in its order."""
    return re.findall(r'id="meter-\d+">([^<]+)</a>', text)


def audit(client: WebClient) -> list[tuple[str, str, str]]:
    """Give kind, source and text of the entries of the audit log, newest first."""
    return [(entry.kind, entry.source, entry.detail) for entry in client.services.audit.entries()]


async def test_the_list_is_open_at_the_setup_interface_and_behind_the_login_elsewhere(tmp_path: Path) -> None:
    paths = (
        "/meters",
        "/meters/download",
        "/meters/clear",
        "/meters/1",
        "/meters/1/remove",
        "/meters/commissioning",
        "/meters/commissioning/report",
        "/meters/commissioning/expected",
    )
    (tmp_path / "setup").mkdir()
    async with web_client(tmp_path / "setup") as client:
        add(client.services.meters, HEAT, 1)
        for path in paths:
            assert (await client.get(path)).status_code == 200, path
    (tmp_path / "lan").mkdir()
    async with web_client(tmp_path / "lan", interface="lan") as client:
        add(client.services.meters, HEAT, 1)
        for path in (*paths, "/meters/events"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), path
        await client.show("/login")
        for path in ("/meters/scan", "/meters/check", "/meters/clear", "/meters/1/remove", "/meters/import"):
            answer = await client.submit(path, follow=False)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        assert len(client.services.meters) == 1
        await client.log_in()
        assert addresses((await client.show("/meters")).text) == [str(HEAT)]


async def test_a_row_tells_who_the_meter_is_and_where_and_when_it_was_seen(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        add(client.services.meters, HEAT, 17, 9600)
        text = (await client.show("/meters")).text
        row = re.findall(r'<t[hd][^>]* role="(?:rowheader|cell)"[^>]*>(.*?)</t[hd]>', text, re.DOTALL)
        cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in row]
        assert cells[:10] == [
            "852467982D2C3504",
            "85246798",
            "KAM",
            "53",
            "Heat (outlet)",
            "17",
            "9600",
            "F017",
            "22/11/2026 09:08:07",
            "22/11/2026 09:08:07",
        ]
        assert cells[10] == "✓Answers"


async def test_an_empty_list_says_what_to_do(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        assert (
            "The list is empty. Choose a baud rate, at first 2400, and scan"
            in (await client.get("/meters")).text
        )


async def test_every_column_sorts_by_a_link_and_a_second_one_turns_the_order_round(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        add(client.services.meters, HEAT, 2)
        add(client.services.meters, WATER, 10)
        text = (await client.get("/meters")).text
        links = dict(re.findall(r'<a href="([^"]+)" id="by-(\w+)"', text))
        assert set(links.values()) == {
            "secondary_address", "identification", "manufacturer", "version", "medium", "primary_address", "baud_rate",
            "fabrication_number", "first_seen", "last_seen", "status", "note",
        }  # fmt: skip
        for link in links:
            assert len(addresses((await client.get(unescape(link))).text)) == 2
        text = (await client.get("/meters?sort=primary_address")).text
        assert addresses(text) == [str(HEAT), str(WATER)]
        assert 'class="primary_address" aria-sort="ascending"' in text
        turned = next(link for link in re.findall(r'href="([^"]+)" id="by-primary_address"', text))
        text = (await client.get(unescape(turned))).text
        assert addresses(text) == [str(WATER), str(HEAT)]
        assert 'class="primary_address" aria-sort="descending"' in text


async def test_text_status_and_medium_filter_the_list(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meters = client.services.meters
        add(meters, HEAT, 2)
        silent = add(meters, WATER, 10)
        meters.conclude(silent.id, Verdict(Status.SILENT, "no answer", silent_at=(2400,)), asked=2400)
        for query, found in (
            ("text=kam+852", [HEAT]),
            ("text=nobody", []),
            ("status=silent", [WATER]),
            ("medium=heat_outlet", [HEAT]),
            ("medium=heat_outlet&status=silent", []),
        ):
            text = (await client.get(f"/meters?{query}")).text
            assert addresses(text) == [str(address) for address in found], query
            assert f"{len(found)} of 2 meters match." in text
        assert "No meter fits this filter." in text
        assert '<option value="silent" selected>Silent</option>' in text


async def test_an_address_that_makes_no_sense_shows_a_page_all_the_same(tmp_path: Path) -> None:
    text = f"text={'a' * 900}"
    async with web_client(tmp_path) as client:
        add(client.services.meters, HEAT, 2)
        for query in (
            "page=0",
            "page=x",
            "page=99999999",
            "sort=evil",
            "status=x",
            "order=x",
            text,
            "medium=%00",
            "bus=%F0",
        ):
            assert (await client.get(f"/meters?{query}")).status_code == 200, query


async def test_a_long_list_comes_in_pages_that_keep_filter_and_order(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for number, address in enumerate(population(2 * PAGE + 5, "random", 1)):
            add(client.services.meters, address, number)
        path, seen = "/meters?text=main&sort=primary_address", list[str]()
        while path:
            text = (await client.get(path)).text
            seen += addresses(text)
            following = re.search(r'href="([^"]+)"[^>]*rel="next"', text)
            path = unescape(following[1]) if following else ""
        assert "Page 3 of 3" in text
        rows = sorted(client.services.meters.meters(), key=lambda row: row.primary or 0)
        assert seen == [str(row.secondary) for row in rows]
        # A page that has gone shows the last one.
        assert len(addresses((await client.get("/meters?page=40")).text)) == 5


async def test_for_a_meter_that_does_not_answer_the_list_says_what_was_seen(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meter = add(client.services.meters, WATER, 10)
        for status, remark, word in SEEN:
            client.services.meters.conclude(meter.id, Verdict(status, remark), asked=2400)
            text = (await client.get("/meters")).text
            assert f"</span>{word}</span>" in text
            assert f">{remark}</small>" in text
            assert f'name="meter" value="{meter.id}"' in text
            assert "Check now the 1 meter that does not answer" in text
            assert "What to do" in (await client.get(f"/meters/{meter.id}")).text


async def test_what_answers_at_a_primary_address_alone_is_a_row_too(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        seen = Sighting(Status.COLLISION, primary=7, remark="the answer is none to the request")
        client.services.meters.record_unclear(seen, bus="main", baud=2400)
        assert addresses((await client.get("/meters")).text) == ["address 7"]


async def test_a_note_is_kept_and_one_that_is_too_long_is_refused_at_the_field(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meter = add(client.services.meters, HEAT, 2)
        path = f"/meters/{meter.id}"
        await client.show(path)
        answer = await client.submit(f"{path}/note", note="<b>cellar</b>", back="/meters?sort=note")
        assert str(answer.url).endswith("/meters?sort=note")
        assert "&lt;b&gt;cellar&lt;/b&gt;" in answer.text
        assert audit(client)[0] == ("meters changed", "192.0.2.7", f"note of {HEAT}: <b>cellar</b>")
        answer = await client.submit(f"{path}/note", note="x" * 201)
        assert answer.status_code == 422
        assert "a note has at most 200 characters, this one has 201" in answer.text
        assert "x" * 201 in answer.text
        assert client.services.meters.meters()[0].note == "<b>cellar</b>"


async def test_a_way_back_leads_to_the_list_and_nowhere_else(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meter = add(client.services.meters, HEAT, 2)
        for back in ("//evil.example/", "https://evil.example", "/status", "/meters/clear", "/meters?a\\b"):
            await client.show(f"/meters/{meter.id}")
            answer = await client.submit(f"/meters/{meter.id}/note", follow=False, back=back)
            assert answer.headers["location"] == "/meters"


async def test_a_meter_goes_only_after_a_question(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meter = add(client.services.meters, HEAT, 2)
        add(client.services.meters, WATER, 3)
        text = (await client.show(f"/meters/{meter.id}/remove")).text
        assert "Remove this meter?" in text
        assert len(client.services.meters) == 2
        answer = await client.submit(f"/meters/{meter.id}/remove")
        assert f"Meter {HEAT} is removed." in answer.text
        assert addresses(answer.text) == [str(WATER)]
        assert audit(client)[0] == ("meters changed", "192.0.2.7", f"removed {HEAT} from bus main")
        # A second click finds it gone.
        assert (await client.submit(f"/meters/{meter.id}/remove")).status_code == 200
        assert (await client.get(f"/meters/{meter.id}")).status_code == 404


async def test_the_list_is_cleared_only_after_a_question(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        add(client.services.meters, HEAT, 2)
        add(client.services.meters, WATER, 3)
        assert "2 meters are taken out of the list" in (await client.show("/meters/clear")).text
        assert len(client.services.meters) == 2
        assert "The meter list is empty." in (await client.submit("/meters/clear")).text
        assert len(client.services.meters) == 0
        assert audit(client)[0][2] == "meter list cleared: 2 meters"


async def test_nothing_changes_without_the_token_of_a_page(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meter = add(client.services.meters, HEAT, 2)
        await client.show("/meters")
        for path in ("/meters/clear", f"/meters/{meter.id}/remove", "/meters/scan", "/meters/import"):
            assert (await client.post(path, data={"csrf": "guessed"})).status_code == 403
        assert len(client.services.meters) == 1


async def test_the_download_is_a_file_and_stands_in_the_audit_log(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        add(client.services.meters, HEAT, 2)
        add(client.services.meters, WATER, 3)
        answer = await client.get("/meters/download")
        name = "meters-SN12345-20261122T090807Z.csv"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
        assert answer.content == client.services.meters.to_csv()
        assert audit(client)[0] == ("download", "192.0.2.7", name)
        lines = (await client.get("/meters/download?medium=water")).text.splitlines()
        assert [line[:16] for line in lines] == ["secondary_addres", str(WATER)]


async def test_a_big_list_stays_small_on_the_way(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        for number, address in enumerate(population(250, "mixed", 1)):
            add(client.services.meters, address, number)
        answer = await client.get("/meters")
        assert len(addresses(answer.text)) == PAGE
        assert len(answer.content) < 100_000


async def test_pages_have_neither_scripts_nor_styles_of_their_own(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        meter = add(client.services.meters, HEAT, 2)
        client.services.meters.expected.import_csv(client.services.meters.to_csv(), bus="main")
        for text in await texts(client, ["/meters", f"/meters/{meter.id}", "/meters/commissioning/report"]):
            assert "<style" not in text
            assert " style=" not in text
            assert text.count("<script") == text.count("<script src=")


async def texts(client: WebClient, paths: Iterable[str]) -> list[str]:
    return [(await client.get(path)).text for path in paths]
