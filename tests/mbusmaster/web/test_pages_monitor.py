import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path

import httpx
import pytest

from mbus.addressing import SecondaryAddress
from mbus.errors import AddressError
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.steps import Expects, Request
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.counters import ClientCounters
from mbusmaster.bus.engine import BusEngine
from mbusmaster.bus.stations import StationBook
from mbusmaster.bus.traffic import MAX_UNSEEN
from mbusmaster.bus.users import BusUsers, Holder, User, Waiter
from mbusmaster.settings import BusSettings
from mbusmaster.web.traffic_view import RESULTS, read_meter, shown_users
from support.sharedbus import StrictMeter, nke, req
from support.web import NOW, WebClient, web_client

A = "12345678"


class Seen:
    """A bus on which a test lets things happen."""

    def __init__(self, name: str = "main") -> None:
        self.engine = BusEngine(BusSettings(name=name))
        self._stations = StationBook()

    def see(
        self, frame: ShortFrame | LongFrame, outcome: Outcome, client: str = "one", *, own: bool = True
    ) -> None:
        carried = Carried(client, Request(frame, Expects.RESPONSE), outcome, 0.123, 2400, own, None)
        station = self._stations.station_of(carried)
        self.engine.traffic.carried(carried, station, NOW)
        self.engine.meters.carried(carried, station, NOW)

    def answer(self, primary: int = 5, identification: str = A) -> None:
        data = StrictMeter(primary, identification).telegram(0)
        self.see(req(primary, 1), Reply(LongFrame(data[4], data[5], data[6], data[7:-2])))


@asynccontextmanager
async def monitor(tmp_path: Path, *buses: Seen) -> AsyncIterator[WebClient]:
    async with web_client(tmp_path, buses=tuple(bus.engine for bus in buses)) as client:
        await client.log_in()
        yield client


def listed(html: str) -> list[int]:
    """Give the numbers of the transactions in a page."""
    return [int(number) for number in re.findall(r'<li data-number="(\d+)"', html)]


def events_in(text: str) -> list[tuple[str, str]]:
    found = []
    for block in text.split("\n\n"):
        name = re.search(r"^event: (\w+)$", block, re.MULTILINE)
        if name:
            found.append((name[1], "\n".join(re.findall(r"^data: (.*)$", block, re.MULTILINE))))
    return found


async def until_watched(engine: BusEngine) -> None:
    for _ in range(1000):
        if engine.traffic.watchers:
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody watches")


async def ended(client: WebClient, listening: "asyncio.Task[httpx.Response]") -> list[tuple[str, str]]:
    """End the streams of the server; give the events of one."""
    for _ in range(10):
        await asyncio.sleep(0)
    client.app.state.streams.close()
    return events_in((await listening).text)


async def test_only_users_see_the_bus(tmp_path: Path) -> None:
    async with web_client(tmp_path, buses=(Seen().engine,)) as client:
        for path in ("/monitor", "/monitor/events", "/monitor/download", "/monitor/counters"):
            assert (await client.show(path)).url.path == "/login"


async def test_a_master_without_a_bus_says_so(tmp_path: Path) -> None:
    async with monitor(tmp_path) as client:
        assert "This master has no bus." in (await client.show("/monitor")).text
        for path in ("/monitor/events", "/monitor/download", "/monitor/counters"):
            assert (await client.show(path)).status_code == 404


async def test_the_page_shows_the_last_transactions_decoded_and_the_newest_first(tmp_path: Path) -> None:
    bus = Seen()
    bus.see(nke(5), Ack())
    bus.answer()
    bus.see(req(9, 1), Silence())
    bus.see(req(5, 1), Garbled(b"\x68\x01", Fault.CUT_SHORT), own=False)
    async with monitor(tmp_path, bus) as client:
        text = (await client.show("/monitor")).text
        assert listed(text) == [4, 3, 2, 1]
        for shown in ("Acknowledged", "Answered", "No answer", "Cut short", "(on its behalf)"):
            assert shown in text
        assert "REQ_UD2 to 9, FCB 1" in text
        assert "<code>10 7B 09 84 16</code>" in text
        assert '<th scope="row">volume</th>' in text
        assert "123 ms, 2400 baud" in text


async def test_a_quiet_bus_has_a_page_too(tmp_path: Path) -> None:
    async with monitor(tmp_path, Seen()) as client:
        text = (await client.show("/monitor")).text
        assert "Nothing was on the bus since the master started." in text
        assert "Nobody uses the bus now." in text
        assert "No meter was asked yet." in (await client.show("/monitor/counters")).text


async def test_one_meter_is_filtered_by_either_address(tmp_path: Path) -> None:
    bus = Seen()
    bus.answer(5, A)
    bus.answer(6, "87654321")
    bus.see(req(7, 1), Silence())
    async with monitor(tmp_path, bus) as client:
        assert listed((await client.show("/monitor?meter=7")).text) == [3]
        assert listed((await client.show(f"/monitor?meter={A}")).text) == [1]
        text = (await client.show("/monitor?meter=8")).text
        assert "This meter was not on the bus since the master started." in text
        lines = (await client.get(f"/monitor/download?meter={A}")).text.splitlines()
        assert len([line for line in lines if "->" in line]) == 1


async def test_a_meter_that_is_none_is_said_at_the_field(tmp_path: Path) -> None:
    async with monitor(tmp_path, Seen()) as client:
        for meter, problem in (
            ("251", "0 to 250"),
            ("water", "no secondary address"),
            ("<b>", "no secondary"),
        ):
            answer = await client.get("/monitor", params={"meter": meter})
            assert answer.status_code == 422
            assert problem in unescape(answer.text)
            assert "<b>'" not in answer.text
            for path in ("/monitor/events", "/monitor/download"):
                assert (await client.get(path, params={"meter": meter})).status_code == 400


def test_meters_are_named_as_people_do() -> None:
    assert read_meter(" ") is None
    assert read_meter("5") == 5
    assert read_meter("12345678") == SecondaryAddress("12345678")
    assert read_meter("12345678.KAM.1.4") == SecondaryAddress("12345678", 0x2C2D, 1, 4)
    with pytest.raises(AddressError):
        read_meter("251")


def test_every_fault_has_a_text() -> None:
    assert set(map(str, Fault)) < set(RESULTS)


async def test_buses_are_watched_one_at_a_time(tmp_path: Path) -> None:
    one, two = Seen("one"), Seen("two")
    two.answer()
    async with monitor(tmp_path, one, two) as client:
        text = (await client.show("/monitor")).text
        assert '<option value="one" selected>' in text
        assert listed(text) == []
        assert listed((await client.show("/monitor?bus=two")).text) == [1]
        assert (await client.show("/monitor?bus=three")).status_code == 404


async def test_the_traffic_is_downloaded_as_text_and_that_is_an_entry(tmp_path: Path) -> None:
    bus = Seen()
    for _ in range(60):
        bus.answer()
    async with monitor(tmp_path, bus) as client:
        answer = await client.get("/monitor/download")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["content-disposition"].startswith('attachment; filename="monitor-SN12345-')
        assert len(answer.text.splitlines()) == 180
        entry = client.services.audit.entries(kind="download")[0]
        assert (entry.who, entry.source) == ("anna", "192.0.2.7")


async def test_transactions_come_as_they_happen_after_those_a_page_knows(tmp_path: Path) -> None:
    bus = Seen()
    bus.answer()
    bus.answer()
    async with monitor(tmp_path, bus) as client:
        listening = asyncio.create_task(client.get("/monitor/events?meter=5&after=1"))
        await until_watched(bus.engine)
        bus.see(nke(5), Ack())
        bus.see(nke(6), Ack())
        events = await ended(client, listening)
        assert [listed(html) for name, html in events if name == "traffic"] == [[2], [3]]
        assert [name for name, _html in events].count("users") == 1
        assert not bus.engine.traffic.watchers


async def test_a_page_that_is_too_slow_is_told_what_it_misses(tmp_path: Path) -> None:
    bus = Seen()
    for _ in range(MAX_UNSEEN + 3):
        bus.see(nke(5), Ack())
    async with monitor(tmp_path, bus) as client:
        listening = asyncio.create_task(client.get("/monitor/events?after=0"))
        await until_watched(bus.engine)
        events = await ended(client, listening)
        assert [html for name, html in events if name == "missed"] == [
            "3 transactions were too fast for this page and are not shown; the download has them."
        ]


async def test_the_counters_of_meters_and_clients_are_shown(tmp_path: Path) -> None:
    bus = Seen()
    bus.see(req(9, 1), Silence())
    bus.answer()
    bus.see(req(5, 0), Garbled(b"\x00", Fault.COLLISION))
    async with monitor(tmp_path, bus) as client:
        with bus.engine.client("plain tcp 192.0.2.9", source="192.0.2.9"):
            text = (await client.show("/monitor/counters")).text
        assert text.index(f'<th scope="row">{A}') < text.index('<th scope="row">address 9')
        assert "Collision 1" in text
        assert "123 ms" in text
        assert "plain tcp 192.0.2.9" in text


async def test_many_meters_are_shown_a_page_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbusmaster.web.pages.bus_users.PAGE", 2)
    bus = Seen()
    for address in (1, 2, 3):
        bus.see(req(address, 1), Silence())
    async with monitor(tmp_path, bus) as client:
        text = (await client.show("/monitor/counters")).text
        assert "address 1" not in text
        assert "/monitor/counters?bus=main&amp;meters=2" in text
        assert "address 1" in (await client.show("/monitor/counters?bus=main&meters=2")).text


def test_who_holds_the_bus_and_who_waits_is_told_with_the_time() -> None:
    users = BusUsers(
        Holder(1, "tcp one", "192.0.2.1", "5", 2.2, True),
        (Waiter(2, "tcp two", "192.0.2.2", "", 75.0),),
        (User(1, "tcp one", "", "192.0.2.1", 3.0, None, ClientCounters()),),
    )
    assert shown_users(users) == {
        "holder": {"client": "tcp one", "meter": "5", "since": "2 s", "sending": True},
        "waiting": [{"client": "tcp two", "meter": "", "since": "1 min 15 s"}],
        "connected": 1,
    }
