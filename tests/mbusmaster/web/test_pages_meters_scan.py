import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx

from mbus.addressing import SecondaryAddress
from mbusmaster.meterlist import MeterList, Scanner, Status
from mbussim.bus import Bus
from mbussim.meter import PlainMeter, Traits, plain_meters
from mbussim.population import population
from mbusweb.events import Streams
from support.simulated import clock, simulated_engine
from support.virtual_time import in_virtual_time
from support.web import WebClient, web_client

REFUSED: Sequence[tuple[dict[str, str], str]] = (
    ({"baud": "1200"}, "bus main may be scanned at 300, 2400, 9600, 19200 baud, not at 1200"),
    ({"baud": "x"}, "This is a number, written in digits."),
    ({"mode": "check"}, "Choose primary or secondary addresses."),
    ({"mode": "primary", "first": "9", "last": "3"}, "a scan goes from and to a primary address, 0 to 250"),
    ({"mode": "primary", "first": "0", "last": "999"}, "a scan goes from and to a primary address, 0 to 250"),
    ({"mask": "12<b>"}, "is no secondary address: give the 8 digits on the meter"),
    ({"bus": "attic"}, "there is no bus attic; there are main"),
)
TRAITS = Traits(delay=0.012, jitter=0.004)


@dataclass
class Bench:
    """Pages in front of a simulated bus."""

    client: WebClient
    meters: MeterList
    scanner: Scanner
    bus: Bus

    async def start(self, **values: str) -> str:
        """Press the button; give the page that follows."""
        await self.client.show("/meters")
        return (await self.submit(**values)).text

    async def submit(self, **values: str) -> httpx.Response:
        """Send the form."""
        given = {"csrf": self.client.csrf, "baud": "2400", "mode": "secondary", **values}
        return await self.client.post("/meters/scan", data=given, follow_redirects=True)

    async def end(self, bus: str = "main") -> None:
        job = self.scanner.job(bus)
        assert job is not None
        await job.wait()
        # The audit entry is written by whoever waits too.
        await asyncio.sleep(0.1)

    def audit(self) -> list[tuple[str, str, str]]:
        entries = reversed(self.client.services.audit.entries())
        return [(entry.kind, entry.detail, entry.outcome) for entry in entries]


@asynccontextmanager
async def bench(
    folder: Path, meters: Sequence[PlainMeter] = (), names: Sequence[str] = ("main",)
) -> AsyncIterator[Bench]:
    bus = Bus.of(
        meters or plain_meters(population(12, "sequential", 1), traits=TRAITS, reply_bytes=40), seed=1
    )
    other = Bus.of((), seed=1)
    async with (
        simulated_engine(bus, name=names[0]) as first,
        simulated_engine(other, name=names[-1]) as second,
    ):
        engines = [first.engine, second.engine][: len(names)]
        listed = MeterList(folder / "scanned.db", clock=clock)
        scanner = Scanner(engines, listed, clock=clock)
        try:
            async with web_client(folder, meters=listed, scanner=scanner, now=clock) as client:
                yield Bench(client, listed, scanner, bus)
                await scanner.close()
                await asyncio.sleep(0)
        finally:
            await scanner.close()
            listed.close()


def stream_of(text: str) -> str:
    """Give the address of the event stream that a page listens to."""
    found = re.search(r'sse-connect="([^"]+)"', text)
    assert found is not None
    return unescape(found[1])


def events_in(text: str) -> list[tuple[str, str]]:
    """Give name and HTML of the events of a stream."""
    found = []
    for block in text.split("\n\n"):
        name = re.search(r"^event: (\w+)$", block, re.MULTILINE)
        if name:
            found.append((name[1], "\n".join(re.findall(r"^data: (.*)$", block, re.MULTILINE))))
    return found


@in_virtual_time
async def test_the_form_offers_2400_baud_first(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        text = (await at.client.get("/meters")).text
        select = re.search(r'<select id="baud".*?</select>', text, re.DOTALL)
        assert select is not None
        assert re.findall(r'value="(\d+)"', select[0]) == ["2400", "300", "9600", "19200"]
        assert "Scan M-Bus master</button>" in text
        assert 'id="bus"' not in text


@in_virtual_time
async def test_a_scan_fills_the_list_and_its_summary_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        text = await at.start()
        assert 'data-running="true"' in text
        assert "Scan by secondary address at 2400 baud" in text
        assert "Searching for meters" in text
        # Nobody can begin a second one meanwhile.
        assert "Scan M-Bus master</button>" not in text
        await at.end()
        text = (await at.client.get("/meters")).text
        assert len(re.findall(r'data-meter="\d+"', text)) == 12
        assert "12 meters found: 12 new, 0 updated." in text
        assert re.search(r"Finished 22/11/2026 12:00:\d\d after \d+ s\.", text)
        assert 'data-running="false"' in text
        assert "Scan M-Bus master</button>" in text
        (start, end) = at.audit()
        assert start == ("scan started", "scan 1: bus main, secondary FFFFFFFFFFFFFFFF, 2400 baud", "ok")
        assert end[0] == "scan ended"
        assert end[1].endswith("2400 baud: 12 meters, 12 of them new")


@in_virtual_time
async def test_a_second_scan_at_another_rate_updates_and_is_offered_as_the_last_one(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.start()
        await at.end()
        await at.start(baud="9600", mode="primary", first="0", last="20")
        await at.end()
        text = (await at.client.get("/meters")).text
        assert "12 meters found: 0 new, 12 updated." in text
        assert {row.baud for row in at.meters.meters()} == {9600}
        assert '<option value="9600" selected>' in text
        assert '<option value="primary" selected>' in text
        assert at.audit()[2][1] == "scan 2: bus main, primary 0-20, 9600 baud"


@in_virtual_time
async def test_every_browser_sees_the_running_scan_and_may_cancel_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.start()
        await asyncio.sleep(3)
        at.client.cookies.clear()
        text = (await at.client.show("/meters")).text
        assert 'data-running="true"' in text
        assert "Now asking:" in text
        assert re.search(r'<progress id="progress-1" max="100" value="\d+"', text)
        # Where there are no scripts, the page comes again by itself.
        assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in text
        found = len(at.meters)
        assert 0 < found < 12
        # The button of an older scan does nothing.
        await at.client.submit("/meters/scan/cancel", bus="main", number="7")
        assert at.scanner.job("main").is_running  # type: ignore[union-attr]
        text = (await at.client.submit("/meters/scan/cancel", bus="main", number="1")).text
        assert "What was found stays in the list." in text
        assert 'data-running="false"' in text
        assert "noscript" not in text
        assert len(at.meters) >= found
        await asyncio.sleep(0.1)
        assert at.audit()[-1][2] == "cancelled"


@in_virtual_time
async def test_progress_and_meters_come_as_events_while_the_scan_runs(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        stream = stream_of((await at.client.show("/meters?sort=primary_address")).text)
        assert "sort=primary_address" in stream
        listening = asyncio.create_task(at.client.get(stream))
        await asyncio.sleep(0)
        await at.client.submit("/meters/scan", baud="2400", mode="secondary")
        await at.end()
        await asyncio.sleep(2)
        streams: Streams = at.client.app.state.streams
        streams.close()
        events = events_in((await listening).text)
        tables = [html for name, html in events if name == "table"]
        counts = [len(re.findall('data-meter="', html)) for html in tables]
        assert counts == sorted(counts)
        assert counts[-1] == 12
        assert len(counts) > 2
        jobs = [html for name, html in events if name == "jobs"]
        assert any("Now asking:" in html and "left" in html for html in jobs)
        assert "12 meters found: 12 new, 0 updated." in jobs[-1]
        assert f'name="csrf" value="{at.client.csrf}"' in jobs[1]
        # The form goes and comes back; only a beginning and an end are said aloud.
        forms = [html for name, html in events if name == "form"]
        assert ["Scan M-Bus master" in html for html in forms] == [False, True]
        news = [html for name, html in events if name == "news"]
        assert 1 <= len(news) <= 3
        assert "12 meters found" in news[-1]


@in_virtual_time
async def test_a_page_that_is_up_to_date_is_sent_nothing_but_what_runs(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.start()
        await at.end()
        listening = asyncio.create_task(at.client.get(stream_of((await at.client.show("/meters")).text)))
        await asyncio.sleep(5)
        at.client.app.state.streams.close()
        assert [name for name, _html in events_in((await listening).text)] == ["jobs"]


@in_virtual_time
async def test_what_cannot_be_scanned_is_refused_in_words(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.client.show("/meters")
        for values, text in REFUSED:
            answer = await at.submit(**values)
            assert answer.status_code == 422
            assert text in answer.text
            assert "<b>" not in answer.text
        assert at.scanner.job("main") is None


@in_virtual_time
async def test_a_range_or_a_mask_limits_the_scan(tmp_path: Path) -> None:
    wanted = SecondaryAddress.from_text("852467982D2C3504")
    meters = [
        PlainMeter(1, wanted, 40, TRAITS),
        PlainMeter(2, SecondaryAddress.from_text("112233442D2C3504"), 40, TRAITS),
    ]
    async with bench(tmp_path, meters) as at:
        await at.start(mask="85FFFFFF")
        await at.end()
        assert [row.secondary for row in at.meters.meters()] == [wanted]
        await at.start(mode="primary", first="2", last="3", thorough="true")
        await at.end()
        assert len(at.meters) == 2


@in_virtual_time
async def test_a_second_scan_of_a_busy_bus_is_refused_in_words(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.start()
        answer = await at.client.submit("/meters/scan", baud="2400", mode="primary")
        assert "A scan is running already. Wait for its end, or cancel it." in answer.text
        assert [kind for kind, _detail, _outcome in at.audit()] == ["scan started"]


@in_virtual_time
async def test_check_now_asks_one_meter_or_all_that_do_not_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        data = b"secondary_address\r\n8524679A2D2C3504\r\n1122334A2D2C3504\r\n"
        at.meters.import_csv(data, bus="main")
        first, second = at.meters.meters()
        await at.client.show("/meters")
        answer = await at.client.submit("/meters/check", meter=str(first.id), back="/meters?status=silent")
        assert str(answer.url).endswith("/meters?status=silent")
        assert "Check of 1 meter" in answer.text
        await at.end()
        assert [row.status for row in at.meters.meters()] == [Status.SILENT, Status.NOT_ASKED]
        text = (await at.client.get(f"/meters/{first.id}")).text
        assert "no answer at 2400 baud, nor one that can be read at 300, 9600, 19200" in text
        await at.client.submit("/meters/check")
        await at.end()
        assert at.meters.get(second.id).status is Status.SILENT  # type: ignore[union-attr]
        assert [entry[1] for entry in at.audit()][2] == "check 2: bus main, 2 meters"
        answer = await at.client.submit("/meters/check", meter="999")
        assert "There is nothing to check." in answer.text


@in_virtual_time
async def test_addresses_that_cannot_be_read_are_counted_and_listed(tmp_path: Path) -> None:
    same = [PlainMeter(5, SecondaryAddress(f"{n}" * 8, 0x2C2D, 0x35, 4), 40, TRAITS) for n in (1, 2)]
    async with bench(tmp_path, same) as at:
        await at.start(mode="primary", first="0", last="10")
        await at.end()
        text = (await at.client.get("/meters")).text
        assert "Something at 1 primary address cannot be read." in text
        assert ">address 5</a>" in text


@in_virtual_time
async def test_with_several_buses_one_is_chosen_and_the_others_stay_free(tmp_path: Path) -> None:
    async with bench(tmp_path, names=("east", "west")) as at:
        text = (await at.client.show("/meters")).text
        assert re.findall(r'<option value="(east|west)"[^>]*>', text)[:2] == ["east", "west"]
        text = await at.start(bus="east")
        assert "Scan by secondary address at 2400 baud, bus east" in text
        form = re.search(r'<select id="bus".*?</select>', text, re.DOTALL)
        assert form is not None
        assert re.findall(r'value="(\w+)"', form[0]) == ["west"]
        text = await at.start(bus="west")
        assert len(re.findall('data-running="true"', text)) == 2
        await at.end("east")
        assert {row.bus for row in at.meters.meters()} == {"east"}


async def test_a_master_without_a_bus_says_so(tmp_path: Path) -> None:
    async with web_client(tmp_path) as client:
        assert "There is no bus to scan." in (await client.get("/meters")).text
