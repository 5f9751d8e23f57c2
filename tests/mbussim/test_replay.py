from pathlib import Path

import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.header import Header
from mbus.application.telegram import decode_telegram
from mbus.link.frames import LongFrame, ShortFrame, parse_frame
from mbus.link.station import Stations
from mbus.procedures.read import read_primary
from mbussim.bus import Bus
from mbussim.replay import replay
from mbussim.virtual import run
from support.needs import shared_telegrams

FIXED = "68 13 13 68 08 05 73 78 56 34 12 0A 00 E9 7E 01 00 00 00 35 01 00 00 3C 16"


def telegram(
    number: int, address: int = 5, *, tail: bytes = b"\x04\x06\x01\x02\x03\x04", ci: int = 0x72
) -> LongFrame:
    header = Header(SecondaryAddress(f"{number:08d}", 0x2C2D, 1, 4), 9, 0, 0)
    return LongFrame(0x08, address, ci, header.to_bytes() + tail)


def put(folder: Path, name: str, what: LongFrame | ShortFrame | str) -> None:
    text = what if isinstance(what, str) else what.to_bytes().hex(" ").upper()
    (folder / f"{name}.hex").write_text(text)


def test_each_file_becomes_a_meter_that_answers_with_that_telegram(tmp_path: Path) -> None:
    put(tmp_path, "a", telegram(1, 5))
    put(tmp_path, "b", FIXED)
    meters, left_out = replay(tmp_path)
    assert left_out == []
    assert [(meter.model, meter.primary) for meter in meters] == [("a", 5), ("b", 1)]
    assert meters[0].reading(0) == (telegram(1, 5),)
    assert meters[1].secondary == SecondaryAddress("12345678")


def test_a_primary_address_that_is_taken_or_impossible_is_replaced_and_the_checksum_with_it(
    tmp_path: Path,
) -> None:
    for number, address in enumerate((5, 5, 0xFD, 1)):
        put(tmp_path, f"{number}", telegram(number, address))
    meters, _ = replay(tmp_path, taken=[2])
    assert [meter.primary for meter in meters] == [5, 1, 3, 4]
    assert all(parse_frame(meter.recorded[0].to_bytes()) for meter in meters)
    assert [meter.recorded[0].address for meter in meters] == [5, 1, 3, 4]


def test_of_equal_secondary_addresses_the_first_stays(tmp_path: Path) -> None:
    put(tmp_path, "a", telegram(1, 5))
    put(tmp_path, "b", telegram(1, 6))
    put(tmp_path, "c", telegram(2, 7))
    meters, left_out = replay(tmp_path, known=[telegram_identity(2)])
    assert [meter.model for meter in meters] == ["a"]
    assert [(one.name, "secondary address" in one.reason) for one in left_out] == [
        ("b.hex", True),
        ("c.hex", True),
    ]


def test_a_fixed_structure_is_equal_to_whoever_shares_its_identification(tmp_path: Path) -> None:
    put(tmp_path, "a", telegram(12345678))
    put(tmp_path, "b", FIXED)
    put(tmp_path, "c", telegram(12345679))
    meters, left_out = replay(tmp_path)
    assert [meter.model for meter in meters] == ["a", "c"]
    assert [one.name for one in left_out] == ["b.hex"]


def telegram_identity(number: int) -> SecondaryAddress:
    return SecondaryAddress(f"{number:08d}", 0x2C2D, 1, 4)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("hello", "not hex"),
        ("68 03 03 68 08 05", "6 of 9 bytes"),
        ("68 03 03 68 08 05 72 00 16", "checksum"),
        (ShortFrame(0x5B, 1), "not a response"),
        (LongFrame(0x53, 1, 0x51), "not a response"),
        (LongFrame(0x08, 1, 0x70, b"\x08"), "CI 70"),
        (LongFrame(0x08, 1, 0x73, bytes(9)), "CI 73"),
        ("00 " * 70_000, "longer"),
    ],
)
def test_what_cannot_be_replayed_is_left_out_with_the_reason(
    tmp_path: Path, what: LongFrame | ShortFrame | str, reason: str
) -> None:
    put(tmp_path, "odd", what)
    meters, left_out = replay(tmp_path)
    assert meters == []
    assert [one.name for one in left_out] == ["odd.hex"]
    assert reason in left_out[0].reason


def test_when_no_primary_address_is_free_the_rest_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a", telegram(1, 5))
    meters, left_out = replay(tmp_path, taken=range(251))
    assert (meters, left_out[0].reason) == ([], "no primary address is free")


def test_a_recording_that_announces_more_comes_to_its_end(tmp_path: Path) -> None:
    put(tmp_path, "a", telegram(1, 5, tail=b"\x04\x06\x01\x02\x03\x04\x1f"))
    meters, _ = replay(tmp_path)
    assert meters[0].telegrams == 2
    reading = run(read_primary(5, Stations()), Bus.of(meters)).result
    first, last = (decode_telegram(frame) for frame in reading.frames)
    assert first.frame == telegram(1, 5, tail=b"\x04\x06\x01\x02\x03\x04\x1f")
    assert (last.records, last.more_follows, last.error) == ((), False, None)
    assert last.header is not None
    assert last.header.access_number == 10


def test_all_recorded_telegrams_become_meters_but_for_eight_double_ones() -> None:
    meters, left_out = replay(shared_telegrams() / "good")
    assert len(meters) == 68
    assert all("another meter has the secondary address" in one.reason for one in left_out)
    bus, stations = Bus.of(meters), Stations()
    now = 0.0
    for meter in meters:
        result = run(read_primary(meter.primary, stations), bus, at=now)
        now += result.bus_seconds
        assert result.result.frames[0] == meter.recorded[0]


def test_malformed_recordings_are_left_out_or_replayed_as_they_are() -> None:
    meters, left_out = replay(shared_telegrams() / "error")
    assert len(meters) + len(left_out) == len(list((shared_telegrams() / "error").glob("*.hex")))
    assert all(one.reason for one in left_out)
