import pytest

from mbus.addressing import SecondaryAddress
from mbus.application.encode import payload, response
from mbus.application.encode_record import RecordSpec
from mbus.application.header import Header
from mbus.link.decoder import StreamDecoder
from mbus.link.frames import LongFrame
from mbus.link.transaction import Fault
from mbus.procedures.found import FoundMeter, Unclear
from mbusmaster.meterlist import Status
from mbusmaster.meterlist.sighting import fabrication_of, sighting_of, sighting_of_reply, sighting_of_unclear

WHO = SecondaryAddress.from_text("852467982D2C3504")
HEADER = WHO.to_bytes() + bytes(4)


def frame_of(records: str) -> LongFrame:
    return LongFrame(0x08, 5, 0x72, HEADER + bytes.fromhex(records))


@pytest.mark.parametrize(
    ("records", "number"),
    [
        ("0C78 67452301", "01234567"),
        ("0478 39300000", "12345"),
        ("0D78 05 4443424131", "1ABCD"),
        ("0C06 11111111", None),
        ("4C78 67452301", None),
        ("8C0178 67452301 0C78 01000000", "00000001"),
        ("0C78 FFFFFFFF", None),
        ("0D78 04 1B5B3241", "A2[·"),
        ("", None),
        ("0C78 67", None),
    ],
)
def test_the_fabrication_number_is_taken_as_it_is_printed(records: str, number: str | None) -> None:
    assert fabrication_of(frame_of(records)) == number


def test_nothing_that_a_meter_measures_is_taken_along() -> None:
    seen = sighting_of_reply(frame_of("0C06 78563412 0C78 67452301"))
    assert "12345678" not in repr(seen)
    assert (seen.secondary, seen.primary, seen.medium) == (WHO, 5, "heat_outlet")


def test_an_old_meter_has_its_own_word_for_the_medium() -> None:
    frame = LongFrame(0x08, 3, 0x73, bytes.fromhex("78563412 0A 00 E9 7E 01000000 35010000"))
    seen = sighting_of(FoundMeter(3, None, frame))
    assert (str(seen.secondary), seen.medium) == ("12345678FFFFFFFF", "water")


def test_a_meter_that_does_not_say_who_it_is_has_an_address_only() -> None:
    frame = response(5, Header(None, 1, 0, 0), payload((RecordSpec(b"\x06", 1),)))
    seen = sighting_of(FoundMeter(5, None, frame, "does not say who it is"))
    assert (seen.status, seen.secondary, seen.primary) == (Status.ANSWERS, None, 5)
    assert seen.remark == "does not say who it is"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.COLLISION, Status.COLLISION),
        (Fault.FOREIGN, Status.WRONG_ADDRESS),
        (Fault.DAMAGED, Status.GARBLED),
        (Fault.CUT_SHORT, Status.GARBLED),
        (Fault.NOISE, Status.GARBLED),
        (Fault.BABBLE, Status.GARBLED),
    ],
)
def test_each_fault_has_its_verdict(fault: Fault, status: Status) -> None:
    seen = sighting_of_unclear(Unclear(5, fault, b"\x00"))
    assert (seen.status, seen.primary) == (status, 5)
    assert seen.remark


def test_a_foreign_answer_says_whose_it_is() -> None:
    data = LongFrame(0x08, 9, 0x72, HEADER + bytes.fromhex("0C0611111111")).to_bytes()
    assert StreamDecoder().feed(data)
    remark = sighting_of_unclear(Unclear(5, Fault.FOREIGN, data)).remark
    assert "address 9" in remark
    assert str(WHO) in remark
