"""Counters per meter."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from mbus.addressing import SecondaryAddress
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import Ack, Expects, Fault, Garbled, Outcome, Reply, Silence
from mbus.procedures.steps import Request
from mbusmaster.bus.carried import Carried
from mbusmaster.bus.meters import MeterCounters, Meters
from mbusmaster.bus.stations import StationBook
from support.sharedbus import StrictMeter, nke, req, select

A = "12345678"
METER = SecondaryAddress(A, 0x2C2D, 1, 4)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Counting:
    """Counts transactions, a second apart."""

    def __init__(self, limit: int = 500) -> None:
        self.meters = Meters(limit)
        self._book = StationBook()
        self._times: Iterator[datetime] = (NOW + timedelta(seconds=second) for second in count())

    def see(
        self,
        frame: ShortFrame | LongFrame,
        outcome: Outcome,
        selection: LongFrame | None = None,
        seconds: float = 0.1,
        expects: Expects = Expects.RESPONSE,
    ) -> None:
        carried = Carried("one", Request(frame, expects), outcome, seconds, 2400, True, selection)
        self.meters.carried(carried, self._book.station_of(carried), next(self._times))

    def only(self) -> MeterCounters:
        (row,) = self.meters.all()
        return row


def reply(meter: StrictMeter) -> Reply:
    data = meter.telegram(0)
    return Reply(LongFrame(data[4], data[5], data[6], data[7:-2]))


def test_what_became_of_requests_is_counted_by_meter() -> None:
    counting = Counting()
    meter = StrictMeter(5, A)
    counting.see(nke(5), Ack(), seconds=0.1)
    counting.see(req(5, 1), Silence())
    counting.see(req(5, 1), Garbled(b"\x00", Fault.COLLISION))
    counting.see(req(5, 1), reply(meter), seconds=0.3)
    counting.see(req(5, 0), Silence())
    counting.see(req(5, 1), Silence())
    row = counting.only()
    assert (row.primary, row.secondary) == (5, METER)
    assert (row.requests, row.answers, row.retries, row.silences) == (6, 2, 2, 3)
    assert row.garbled == {"collision": 1}
    assert row.last_answered == NOW + timedelta(seconds=3)
    assert row.last_asked == NOW + timedelta(seconds=5)
    assert row.mean_seconds == pytest.approx(0.2)


def test_a_meter_that_is_asked_by_its_digits_has_one_row_under_its_whole_name() -> None:
    counting = Counting()
    mask = select(A)
    counting.see(mask, Ack())
    counting.see(req(0xFD, 1), reply(StrictMeter(5, A)), mask)
    counting.see(mask, Silence())
    row = counting.only()
    assert (row.primary, row.secondary, row.requests, row.silences) == (5, METER, 3, 1)
    assert counting.meters.of(METER) == counting.meters.of(5) == (row,)


def test_nobody_in_particular_is_not_counted() -> None:
    counting = Counting()
    counting.see(nke(0xFF), Silence(), expects=Expects.NOTHING)
    counting.see(req(0xFE, 1), Silence())
    counting.see(select("1FFFFFFF"), Ack())
    counting.see(req(0xFD, 1), Silence())
    assert counting.meters.all() == ()


def test_meters_that_answered_are_kept_when_a_search_asks_everybody() -> None:
    counting = Counting(limit=10)
    counting.see(nke(200), Ack())
    for address in range(100):
        counting.see(nke(address), Silence())
    assert len(counting.meters.all()) == 10
    assert [row.primary for row in counting.meters.all() if row.answers] == [200]
    for address in range(100, 120):
        counting.see(nke(address), Ack())
    assert [row.primary for row in counting.meters.all()] == list(range(110, 120))


def test_what_was_handed_out_does_not_change_any_more() -> None:
    counting = Counting()
    counting.see(nke(5), Ack())
    row = counting.only()
    counting.see(nke(5), Garbled(b"\x00", Fault.NOISE))
    assert (row.requests, row.garbled) == (1, {})
    counting.meters.clear()
    assert counting.meters.all() == ()
