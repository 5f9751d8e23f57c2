"""Every write service of a client is told, in words and without secrets."""

import asyncio
from datetime import datetime

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application import commands
from mbus.link.frames import LongFrame
from mbus.link.station import Stations
from mbus.link.transaction import Ack, Fault, Garbled, Silence
from mbus.procedures.address import set_address
from mbusio.barrier import Verdict
from mbusmaster.bus.arbiter import Arbiter
from mbusmaster.bus.client import Client
from mbusmaster.bus.requests import Withheld
from mbusmaster.bus.writes import REFUSALS_A_MINUTE, WriteReports, WriteSeen, what_is_written
from support.arbiter import serving
from support.sharedbus import SharedBus, StrictMeter, nke, req, select
from support.virtual_time import in_virtual_time

A = "12345678"
PASSWORD = commands.command(5, bytes.fromhex("04FD16DEADBEEF"))
WHEN = datetime(2026, 1, 2, 3, 4)


def silent(_: bytes) -> None:
    pass


def a_client(arbiter: Arbiter, seen: list[WriteSeen], *, allowed: bool = True, name: str = "tcp") -> Client:
    return Client(
        arbiter,
        name,
        source="10.0.0.9",
        allow_writes=allowed,
        report=WriteReports(seen.append),
        tell=lambda kind, text: None,
    )


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (commands.set_primary(5, 9), "set primary address to 9"),
        (commands.set_identification(5, "00345678"), "set identification to 00345678"),
        (
            commands.set_secondary(5, SecondaryAddress(A, 0x2C2D, 1, 4)),
            "set secondary address to 123456782D2C0104",
        ),
        (commands.set_clock(5, WHEN), "set clock to 2026-01-02 03:04:00"),
        (commands.set_date(5, WHEN.date()), "set date to 2026-01-02"),
        (commands.set_baud(5, 9600), "set baud rate to 9600"),
        (commands.application_reset(5), "application reset"),
        (commands.application_reset(5, 0x10), "application reset, subcode 10"),
        (commands.request_application(5), "request of selected application"),
        (commands.select_records(5), "choose records to read"),
        (commands.request_readout(5), "ask for all data"),
        (commands.synchronise(5), "synchronise action"),
        (PASSWORD, "set password (not shown)"),
        (commands.command(5, bytes.fromhex("04FD1702000000")), "set error flags, 4 bytes"),
        (commands.command(5, bytes.fromhex("017A09") * 6), ", ".join(["set primary address to 9"] * 4) + " and 2 more"),
        (commands.command(5, bytes.fromhex("0FDEADBEEF")), "command (CI 51), 5 bytes"),
        (LongFrame(0x53, 5, 0xA5, b"\xde\xad"), "manufacturer specific (CI A5), 2 bytes"),
    ],
)  # fmt: skip
def test_a_write_is_told_by_what_it_changes(frame: LongFrame, said: str) -> None:
    assert what_is_written(frame) == said


def test_any_bytes_can_be_told() -> None:
    for ci in range(256):
        for data in (b"", b"\x01", bytes(range(20))):
            assert what_is_written(LongFrame(0x53, 5, ci, data))


@in_virtual_time
async def test_a_write_that_passes_is_told_with_its_client_its_meter_and_what_became_of_it() -> None:
    seen: list[WriteSeen] = []
    async with serving(SharedBus([StrictMeter(5, A)])) as arbiter:
        client = a_client(arbiter, seen)
        await client.transparent(commands.set_primary(5, 9), silent)
        await client.transparent(commands.set_primary(77, 9), silent)
        assert client.counters.writes == 2
    assert [(one.client, one.source, one.meter, one.what, one.passed, one.result) for one in seen] == [
        ("tcp", "10.0.0.9", "5", "set primary address to 9", True, "acknowledged"),
        ("tcp", "10.0.0.9", "77", "set primary address to 9", True, "no answer"),
    ]


@in_virtual_time
async def test_a_write_to_the_selected_meter_names_the_meter() -> None:
    seen: list[WriteSeen] = []
    async with serving(SharedBus([StrictMeter(5, A)])) as arbiter:
        client = a_client(arbiter, seen)
        await client.transparent(select(A), silent)
        await client.transparent(commands.set_primary(0xFD, 9), silent)
    assert [one.meter for one in seen] == ["12345678FFFFFFFF"]


@in_virtual_time
async def test_reading_and_selecting_is_no_write() -> None:
    seen: list[WriteSeen] = []
    async with serving(SharedBus([StrictMeter(5, A)])) as arbiter:
        client = a_client(arbiter, seen)
        for frame in (nke(5), req(5, 1), select(A), req(0xFD, 1)):
            await client.transparent(frame, silent)
    assert seen == []


@in_virtual_time
async def test_a_refused_write_is_told_and_stays_off_the_bus_and_no_secret_is_in_any_text() -> None:
    seen: list[WriteSeen] = []
    bus, lines = SharedBus([StrictMeter(5, A)]), list[str]()
    async with serving(bus) as arbiter:
        client = Client(
            arbiter,
            "tcp",
            report=WriteReports(seen.append),
            tell=lambda _, text: lines.append(text),
        )
        assert await client.transparent(PASSWORD, silent) == Withheld(verdict=Verdict.REFUSED)
    assert bus.sent == []
    assert [(one.passed, one.result) for one in seen] == [(False, "refused")]
    assert lines == ["set password (not shown) at 5 not passed on: write services are switched off"]
    assert "\\xde" not in repr(seen[0])


@in_virtual_time
async def test_of_a_flood_of_refused_writes_some_are_told_and_the_rest_are_counted() -> None:
    seen: list[WriteSeen] = []
    async with serving(SharedBus()) as arbiter:
        client = a_client(arbiter, seen, allowed=False)
        for new in range(100):
            await client.transparent(commands.set_primary(5, new), silent)
        assert len(seen) == REFUSALS_A_MINUTE
        await asyncio.sleep(61)
        await client.transparent(commands.set_primary(5, 1), silent)
    assert seen[-1].left_out == 100 - REFUSALS_A_MINUTE


@in_virtual_time
async def test_a_write_whose_client_leaves_before_its_end_is_told_all_the_same() -> None:
    seen: list[WriteSeen] = []
    async with serving(SharedBus([StrictMeter(5, A)])) as arbiter:
        client = a_client(arbiter, seen)
        writing = asyncio.create_task(client.transparent(commands.set_primary(5, 9), silent))
        await asyncio.sleep(0.01)
        writing.cancel()
        await asyncio.wait({writing})
    assert [one.result for one in seen] == ["the client left before the end"]


@in_virtual_time
async def test_a_write_without_bus_is_told_as_not_sent() -> None:
    seen: list[WriteSeen] = []
    async with serving(SharedBus()) as arbiter:
        arbiter.detach()
        await a_client(arbiter, seen).transparent(commands.set_primary(5, 9), silent)
    assert [one.result for one in seen] == ["not sent: down"]


@in_virtual_time
async def test_what_jobs_of_the_master_write_is_told_too() -> None:
    seen: list[WriteSeen] = []
    meter = StrictMeter(5, A)
    async with serving(SharedBus([meter])) as arbiter:
        with a_client(arbiter, seen, name="page") as job, pytest.raises(Exception, match="address 9"):
            await job.run(set_address(5, 9, Stations()))
    assert [(one.client, one.what) for one in seen] == [("page", "set primary address to 9")]


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Ack(), "acknowledged"),
        (Silence(), "sent to all"),
        (Garbled(b"\x00", Fault.COLLISION), "garbled answer: collision"),
        (Withheld(verdict=Verdict.BUSY), "not sent: busy"),
    ],
)
def test_what_became_of_a_write_is_told_in_a_few_words(outcome: Ack, result: str) -> None:
    seen = WriteSeen("one", "", "all meters", "", commands.synchronise(), True, outcome)
    assert seen.result == result
