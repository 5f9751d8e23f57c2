"""The bus monitor: what was on the bus, for those who watch."""

import asyncio
from datetime import UTC, datetime

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application import commands
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.steps import Expects, Request
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.describing import as_text, describe, shown
from mbusmaster.bus.stations import StationBook
from mbusmaster.bus.traffic import MAX_UNSEEN, Entry, Traffic
from support.sharedbus import StrictMeter, nke, req, select
from support.virtual_time import in_virtual_time

A, B = "12345678", "87654321"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
METER = SecondaryAddress(A, 0x2C2D, 1, 4)


def reply(meter: StrictMeter) -> Reply:
    data = meter.telegram(0)
    return Reply(LongFrame(data[4], data[5], data[6], data[7:-2]))


class Monitor:
    """Traffic with its book of stations, as the engine has them."""

    def __init__(self, traffic: Traffic | None = None) -> None:
        self.traffic = traffic or Traffic()
        self.book = StationBook()

    def see(
        self,
        frame: ShortFrame | LongFrame,
        outcome: Outcome,
        selection: LongFrame | None = None,
        *,
        own: bool = True,
    ) -> None:
        carried = Carried("one", Request(frame, Expects.ACK), outcome, 0.1, 2400, own, selection)
        self.traffic.carried(carried, self.book.station_of(carried), NOW)


def entry_of(frame: ShortFrame | LongFrame, outcome: Outcome) -> Entry:
    monitor = Monitor()
    monitor.see(frame, outcome)
    return monitor.traffic.last()[0]


def test_the_last_entries_are_kept_by_number_and_by_bytes() -> None:
    monitor = Monitor(Traffic(entries=3, size=1000))
    for address in range(5):
        monitor.see(nke(address), Silence())
    assert [entry.number for entry in monitor.traffic.last()] == [3, 4, 5]
    monitor = Monitor(Traffic(entries=100, size=40))
    for address in range(20):
        monitor.see(nke(address), Ack())
    assert len(monitor.traffic.last()) == 6


def test_what_was_said_through_fd_belongs_to_the_selected_meter() -> None:
    monitor, meters = Monitor(), [StrictMeter(5, A), StrictMeter(6, B)]
    for meter in meters:
        mask = select(meter.identification)
        monitor.see(mask, Ack())
        monitor.see(req(0xFD, 1), reply(meter), mask)
        monitor.see(req(0xFD, 0), Silence(), mask)
    monitor.see(req(5, 1), Silence())
    monitor.see(nke(0xFF), Silence())
    assert [entry.number for entry in monitor.traffic.last(meter=METER)] == [1, 2, 3, 7]
    assert [entry.number for entry in monitor.traffic.last(meter=5)] == [2, 7]
    assert [entry.number for entry in monitor.traffic.last(meter=6)] == [5]
    assert str(monitor.traffic.last()[1].station) == "123456782D2C0104"


def test_masks_with_open_digits_belong_to_no_meter() -> None:
    monitor = Monitor()
    monitor.see(select("1FFFFFFF"), Ack())
    assert monitor.traffic.last(meter=METER) == ()


@in_virtual_time
async def test_who_watches_is_told_as_it_happens_until_it_ends() -> None:
    monitor = Monitor()
    with monitor.traffic.watch() as watch:
        waiting = asyncio.create_task(anext(watch))
        await asyncio.sleep(0)
        monitor.see(nke(5), Ack())
        assert (await waiting).frame == nke(5)
        assert monitor.traffic.watchers == 1
    assert monitor.traffic.watchers == 0
    assert [entry async for entry in watch] == []


@in_virtual_time
async def test_who_watches_one_meter_is_told_of_no_other() -> None:
    monitor = Monitor()
    watch = monitor.traffic.watch(meter=5)
    for address in (4, 5, 6):
        monitor.see(nke(address), Ack())
    watch.close()
    assert [entry.frame async for entry in watch] == [nke(5)]


@in_virtual_time
async def test_who_comes_back_gets_what_it_missed_first() -> None:
    monitor = Monitor()
    for address in range(4):
        monitor.see(nke(address), Ack())
    watch = monitor.traffic.watch(after=2)
    monitor.see(nke(4), Ack())
    watch.close()
    assert [entry.number async for entry in watch] == [3, 4, 5]


@in_virtual_time
async def test_who_does_not_keep_up_loses_the_oldest_and_is_told_how_many() -> None:
    monitor = Monitor()
    watch = monitor.traffic.watch()
    for _ in range(MAX_UNSEEN + 10):
        monitor.see(nke(5), Ack())
    watch.close()
    assert (await anext(watch)).number == 11
    assert watch.lost == 10


def test_a_transaction_is_described_and_its_answer_decoded() -> None:
    meter = StrictMeter(5, A)
    described = describe(entry_of(req(5, 1), reply(meter)))
    assert described.request == "REQ_UD2 to 5, FCB 1"
    assert described.request_bytes == "10 7B 05 80 16"
    assert described.answer == "RSP_UD from 5, 123456782D2C0104, CI 72"
    assert described.answer_bytes == meter.telegram(0).hex(" ").upper()
    assert described.telegram is not None
    assert described.telegram["records"]


@pytest.mark.parametrize(
    ("outcome", "answer", "data", "result"),
    [
        (Ack(), "acknowledged (E5)", "E5", "acknowledged"),
        (Silence(), "silence", "", "silence"),
        (Garbled(b"\x00\x01", Fault.COLLISION), "collision, 2 bytes", "00 01", "collision"),
    ],
)
def test_what_is_no_telegram_is_described_too(outcome: Outcome, answer: str, data: str, result: str) -> None:
    entry = entry_of(nke(5), outcome)
    described = describe(entry)
    assert (described.answer, described.answer_bytes, described.telegram, entry.result) == (
        answer, data, None, result,
    )  # fmt: skip


def test_passwords_and_commands_that_are_not_understood_show_asterisks() -> None:
    password = commands.command(5, bytes.fromhex("017A0904FD16DEADBEEF"))
    assert shown(password) == "68 0D 0D 68 53 05 51 01 7A 09 04 FD 16 ** ** ** ** ** 16"
    assert describe(entry_of(password, Ack())).request == (
        "SND_UD to 5, FCB 0: set primary address to 9, set password (not shown)"
    )
    encrypted = LongFrame(0x53, 5, 0x5B, METER.to_bytes() + bytes.fromhex("01002005 00112233"))
    assert shown(encrypted).count("**") == len(encrypted.data) + 1
    raw = LongFrame(0x53, 5, 0xA5, b"\xde\xad")
    assert shown(raw) == "68 05 05 68 53 05 A5 ** ** ** 16"


def test_a_password_in_an_answer_is_not_shown_either() -> None:
    frame = LongFrame(0x08, 5, 0x72, METER.to_bytes() + bytes(4) + bytes.fromhex("04FD16DEADBEEF"))
    described = describe(entry_of(req(5, 1), Reply(frame)))
    assert "DE AD" not in described.answer_bytes
    assert "DEAD" not in str(described.telegram)


def test_harmless_commands_are_shown_as_they_are() -> None:
    assert shown(commands.set_primary(5, 9)) == "68 06 06 68 53 05 51 01 7A 09 2D 16"
    assert shown(commands.application_reset(5, 0x10)) == "68 04 04 68 53 05 50 10 B8 16"


def test_a_download_has_readable_lines() -> None:
    monitor = Monitor()
    monitor.see(nke(5), Ack(), own=False)
    monitor.see(req(5, 1), Silence())
    assert list(as_text(monitor.traffic.last())) == [
        "2026-11-22T10:00:00.000Z for one: SND_NKE to 5 -> acknowledged (E5) (100 ms, 2400 baud, meter 5)",
        "  > 10 40 05 45 16",
        "  < E5",
        "2026-11-22T10:00:00.000Z one: REQ_UD2 to 5, FCB 1 -> silence (100 ms, 2400 baud, meter 5)",
        "  > 10 7B 05 80 16",
    ]


def test_any_write_can_be_shown() -> None:
    for ci in range(256):
        for data in (b"", b"\x04", bytes(range(30))):
            entry = entry_of(LongFrame(0x53, 5, ci, data), Reply(LongFrame(0x08, 5, ci, data)))
            assert describe(entry).request_bytes
