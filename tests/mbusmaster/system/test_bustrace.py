"""The raw bus trace: recorded for a time, bounded, and readable for whoever gets the file."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Outcome, Reply, Silence
from mbus.procedures.steps import Expects, Request
from mbusio.cli import main as mbus
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.stations import StationBook
from mbusmaster.bus.traffic import MAX_UNSEEN, Traffic
from mbusmaster.settings import LogSettings
from mbusmaster.system.bustrace import BusTrace
from mbusmaster.system.logs import Logs
from support.sharedbus import StrictMeter, nke, req
from support.virtual_time import in_virtual_time

AT = datetime(2026, 11, 22, 22, 48, 56, 703000, tzinfo=UTC)
METER = StrictMeter(5, "12345678").telegram(0)
REPLY = Reply(LongFrame(METER[4], METER[5], METER[6], METER[7:-2]))


def see(
    traffic: Traffic,
    frame: ShortFrame | LongFrame,
    outcome: Outcome,
    *,
    client: str = "reader",
    own: bool = True,
) -> None:
    carried = Carried(client, Request(frame, Expects.ACK), outcome, 0.25, 2400, own)
    traffic.carried(carried, StationBook().station_of(carried), AT)


def opened(state: Path, traffic: Traffic) -> tuple[Logs, BusTrace]:
    logs = Logs()
    logs.open(state, LogSettings())
    logs.trace_buses({"main": traffic})
    assert logs.trace is not None
    return logs, logs.trace


def lines(trace: BusTrace) -> list[str]:
    return b"".join(trace.texts()).decode().splitlines()


async def test_every_frame_is_a_line_with_time_bus_direction_bytes_rate_and_who_asked(tmp_path: Path) -> None:
    traffic = Traffic()
    logs, trace = opened(tmp_path, traffic)
    trace.record(60)
    see(traffic, nke(5), Ack())
    see(traffic, nke(6), Silence(), client="evil\tname\n", own=False)
    await asyncio.sleep(0)
    assert lines(trace)[1:] == [
        "2026-11-22T22:48:56.453000Z\tmain\t>\t10 40 05 45 16\t2400\treader",
        "2026-11-22T22:48:56.703000Z\tmain\t<\tE5\t2400\tacknowledged",
        "2026-11-22T22:48:56.453000Z\tmain\t>\t10 40 06 46 16\t2400\tfor evil\\x09name | ",
        "2026-11-22T22:48:56.703000Z\tmain\t<\t-\t2400\tsilence",
    ]
    trace.stop()
    logs.close()


async def test_an_answer_of_the_trace_can_be_decoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    traffic = Traffic()
    logs, trace = opened(tmp_path, traffic)
    trace.record(60)
    see(traffic, req(5, 1), REPLY)
    await asyncio.sleep(0)
    answers = [line.split("\t")[3] for line in lines(trace) if "\t<\t" in line]
    assert bytes.fromhex(answers[0]) == METER
    assert mbus(["decode", answers[0]]) == 0
    assert "12345678" in capsys.readouterr().out
    trace.stop()
    logs.close()


@in_virtual_time
async def test_it_ends_by_itself_and_nobody_watches_the_bus_any_more(tmp_path: Path) -> None:
    traffic = Traffic()
    logs, trace = opened(tmp_path, traffic)
    assert trace.left == 0
    trace.record(60)
    await asyncio.sleep(20)
    assert (trace.left, traffic.watchers) == (40, 1)
    await asyncio.sleep(40)
    assert (trace.left, traffic.watchers) == (0, 0)
    see(traffic, nke(5), Ack())
    trace.record(60)
    trace.record(0)
    assert traffic.watchers == 0
    await asyncio.sleep(1)
    logs.close()
    assert not any("\t" in line for line in lines(trace))


async def test_what_was_too_much_at_once_is_said(tmp_path: Path) -> None:
    traffic = Traffic()
    logs, trace = opened(tmp_path, traffic)
    trace.record(60)
    for _ in range(MAX_UNSEEN + 10):
        see(traffic, nke(5), Ack())
    await asyncio.sleep(0)
    assert lines(trace)[1] == "# 10 transactions of bus main were lost: too many at once"
    assert len(lines(trace)) == 2 + 2 * MAX_UNSEEN
    trace.stop()
    logs.close()


async def test_the_next_recording_goes_on_behind_the_last(tmp_path: Path) -> None:
    for _ in range(2):
        traffic = Traffic()
        logs, trace = opened(tmp_path, traffic)
        trace.record(60)
        see(traffic, nke(5), Ack())
        await asyncio.sleep(0)
        trace.stop()
        await asyncio.sleep(0)
        logs.close()
    assert len([path for path in (tmp_path / "log").iterdir() if path.suffix == ".trace"]) == 1
    assert len(lines(trace)) == 6
