import re
from pathlib import Path

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import MeterList, Status
from mbusmaster.meterlist.sighting import Sighting
from mbusmaster.settings import Settings
from mbusmaster.settings.schema import DeviceSettings
from mbusmaster.web.pages.commissioning import PAGE
from mbussim.population import population
from support.web import WebClient, web_client

FOUND = "852467982D2C3504"
MOVED = "11223344A7320707"
MISSING = "9999999942040202"
STRANGER = "5555555542040202"
EXPECTED = (
    "secondary_address,primary_address,note\r\n"
    f"{FOUND},1,flat 1\r\n{MOVED},2,flat 2\r\n{MISSING},3,flat 3\r\n4444444442040202,4,flat 4\r\n"
)


def record(meters: MeterList, address: str, primary: int) -> None:
    seen = Sighting(Status.ANSWERS, SecondaryAddress.from_text(address), primary)
    meters.record(seen, bus="main", baud=2400)


async def fill(client: WebClient) -> None:
    for address, primary in ((FOUND, 1), (MOVED, 20), (STRANGER, 9)):
        record(client.services.meters, address, primary)
    await client.show("/meters/commissioning")
    await client.post(
        "/meters/commissioning/import",
        data={"csrf": client.csrf},
        files={"file": ("plan.csv", EXPECTED.encode())},
    )


def rows(text: str) -> list[list[str]]:
    """Give address, result, and what was seen of each line."""
    found = []
    for row in re.findall(r'<tr role="row">\s*<th scope="row".*?</tr>', text, re.DOTALL):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        plain = [re.sub(r"<[^>]+>", " ", cell).strip() for cell in cells]
        found.append([plain[0], plain[1].split()[-1], " ".join(plain[5].split())])
    return found


async def test_without_expected_meters_the_page_says_how_to_begin(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        text = (await client.get("/meters/commissioning")).text
        assert "Import the list of the meters that should be on the M-Bus, then scan." in text


async def test_the_page_shows_expected_against_found(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await fill(client)
        text = (await client.get("/meters/commissioning")).text
        assert "50 % of the expected meters answer." in text
        shown = rows(text)
        assert [(address, result) for address, result, _seen in shown] == [
            (MISSING, "Missing"),
            ("4444444442040202", "Missing"),
            (MOVED, "Different"),
            (STRANGER, "Unexpected"),
            (FOUND, "Found"),
        ]
        assert shown[0][2] == "Not asked yet Scan the M-Bus to see whether this meter answers."
        assert shown[2][2] == "Primary address: expected 2, found 20"
        text = (await client.get("/meters/commissioning?kind=unexpected")).text
        assert [row[0] for row in rows(text)] == [STRANGER]
        for query in ("kind=x&page=x", "page=0", "page=9999", "kind=found&page=7"):
            assert (await client.get(f"/meters/commissioning?{query}")).status_code == 200


async def test_a_long_comparison_comes_in_pages_and_the_report_has_all_of_it(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        data = "secondary_address\r\n" + "\r\n".join(map(str, population(PAGE + 10, "random", 1)))
        client.services.meters.expected.import_csv(data.encode(), bus="main")
        assert len(rows((await client.get("/meters/commissioning")).text)) == PAGE
        assert len(rows((await client.get("/meters/commissioning?page=2")).text)) == 10
        assert len(rows((await client.get("/meters/commissioning/report")).text)) == PAGE + 10


async def test_the_report_has_who_and_when_and_a_line_to_sign(tmp_path: Path) -> None:
    settings = Settings(device=DeviceSettings(name="Elm Street 7"))
    async with web_client(tmp_path, settings=settings) as client:
        await fill(client)
        text = (await client.get("/meters/commissioning/report")).text
        facts = dict(re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td></tr>', text))
        assert facts["Master"] == "Elm Street 7"
        assert facts["Serial number"] == "SN12345"
        assert facts["Report made (UTC)"] == "22/11/2026 09:08:07"
        assert (facts["Expected meters"], facts["Missing"], facts["Expected meters that answer"]) == (
            "4",
            "2",
            "50 %",
        )
        assert "Not complete." in text
        assert "Name of the installer" in text
        assert "Signature" in text


async def test_a_complete_building_is_said_to_be_complete(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        record(client.services.meters, FOUND, 1)
        client.services.meters.expected.import_csv(client.services.meters.to_csv(), bus="main")
        assert "All expected meters answer, as expected" in (await client.get("/meters/commissioning")).text
        assert (
            "Complete: all expected meters answer" in (await client.get("/meters/commissioning/report")).text
        )


async def test_expected_meters_are_imported_downloaded_and_cleared(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        await fill(client)
        answer = await client.show("/meters/commissioning")
        assert "The list has 4 expected meters now." in answer.text
        answer = await client.get("/meters/commissioning/expected")
        assert answer.content == client.services.meters.expected.to_csv()
        assert 'filename="expected-meters-SN12345-' in answer.headers["content-disposition"]
        assert (
            "4 meters are no longer expected."
            in (await client.show("/meters/commissioning/expected/clear")).text
        )
        assert (
            "No meters are expected now."
            in (await client.submit("/meters/commissioning/expected/clear")).text
        )
        assert client.services.meters.expected.meters() == ()
        assert len(client.services.meters) == 3
        details = [entry.detail for entry in client.services.audit.entries()]
        assert details[0] == "expected meters cleared: 4 meters"
        assert details[1].startswith("expected-meters-SN12345")
        assert details[2] == "expected meters imported from plan.csv: 4 added, 0 updated, 0 problems"


async def test_an_expected_list_with_bad_lines_leaves_the_old_one_until_the_good_ones_are_wanted(
    tmp_path: Path,
) -> None:
    async with web_client(tmp_path) as client:
        await fill(client)
        await client.show("/meters/commissioning")
        answer = await client.post(
            "/meters/commissioning/import",
            data={"csrf": client.csrf},
            files={"file": ("plan.csv", f"secondary_address\r\n{FOUND}\r\nx\r\n".encode())},
        )
        assert answer.status_code == 422
        assert "take the place of the list of expected meters" in answer.text
        assert len(client.services.meters.expected.meters()) == 4
        key = re.search(r'name="key" value="([^"]+)"', answer.text)
        assert key is not None
        await client.submit("/meters/commissioning/import/good", key=key[1])
        assert [one.address for one in client.services.meters.expected.meters()] == [FOUND]
