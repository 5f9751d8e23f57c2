from pathlib import Path

import pytest

from mbus.link.frames import LongFrame, parse_frame
from mbus.link.transaction import Expects, Reply, Silence
from mbus.procedures.steps import Request
from mbusmaster.bus import known as module
from mbusmaster.bus.arbiter import Carried
from mbusmaster.bus.known import CountBit, KnownMeters
from support.sharedbus import StrictMeter, req

METER = StrictMeter(5, "12345678", telegrams=2)
KEY = "123456782D2C0104"


def answered(number: int, fcb: int, client: str = "one", baud: int = 2400, seconds: float = 0.2) -> Carried:
    frame = parse_frame(METER.telegram(number))
    assert isinstance(frame, LongFrame)
    return Carried(client, Request(req(5, fcb), Expects.RESPONSE), Reply(frame), seconds, baud, True)


def test_a_reading_teaches_rate_time_telegrams_and_count_bit() -> None:
    known = KnownMeters()
    known.carried(answered(0, 1))
    known.carried(answered(1, 0, seconds=0.4, baud=9600))
    meter = known.get(KEY)
    assert meter is not None
    assert (meter.baud, meter.primary, meter.longest, meter.telegrams) == (9600, 5, 0.4, 2)
    assert meter.count_bit is CountBit.FOLLOWS


def test_telegrams_of_two_clients_are_not_one_reading() -> None:
    known = KnownMeters()
    known.carried(answered(0, 1, "one"))
    known.carried(answered(0, 0, "two"))
    meter = known.get(KEY)
    assert meter is not None
    assert (meter.telegrams, meter.count_bit) == (1, CountBit.UNKNOWN)


def test_silence_teaches_nothing() -> None:
    known = KnownMeters()
    known.carried(Carried("one", Request(req(5, 1), Expects.RESPONSE), Silence(), 0.2, 2400, True))
    assert len(known) == 0


def test_a_meter_that_never_says_its_address_is_known_by_the_primary_one() -> None:
    known = KnownMeters()
    reply = Reply(LongFrame(0x08, 7, 0x78, b"\x01\x13\x00"))
    known.carried(Carried("one", Request(req(7, 1), Expects.RESPONSE), reply, 0.2, 2400, True))
    assert known.get("primary:7") is not None


def test_what_is_known_survives_a_restart(tmp_path: Path) -> None:
    known, again = KnownMeters(), KnownMeters()
    known.carried(answered(0, 1))
    known.save(tmp_path / "known.json")
    again.load(tmp_path / "known.json")
    assert again.get(KEY) == known.get(KEY)


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b'{"a": 1}', b'{"a": {}}', b"\xff", b'{"a": {"count_bit": "?"}}']
)
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "known.json").write_bytes(damage)
    known = KnownMeters()
    known.load(tmp_path / "known.json")
    known.load(tmp_path / "missing.json")
    assert len(known) == 0


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_METERS", 3)
    known = KnownMeters()
    for address in range(10):
        reply = Reply(LongFrame(0x08, address, 0x78))
        known.carried(Carried("one", Request(req(address, 1), Expects.RESPONSE), reply, 0.2, 2400, True))
    assert len(known) == 3
