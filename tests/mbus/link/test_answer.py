"""What bytes are, apart from the times at which they come; `test_transaction` has the times."""

import pytest

from mbus.link.answer import Ack, Fault, Garbled, Outcome, Reply, Silence, judge, looks_complete
from mbus.link.frames import LongFrame, ShortFrame

REQUEST = ShortFrame(0x7B, 5)
MINE = LongFrame(0x08, 5, 0x72, b"\x01")
OTHERS = LongFrame(0x08, 6, 0x72, b"\x01")
WHOLE, FOREIGN = MINE.to_bytes(), OTHERS.to_bytes()


@pytest.mark.parametrize(
    ("data", "bad", "outcome"),
    [
        (b"", False, Silence(b"\x07")),
        (b"\xe5", False, Ack(b"\x07")),
        (b"\xe5", True, Garbled(b"\xe5", Fault.DAMAGED, b"\x07")),
        (b"\x00", True, Garbled(b"\x00", Fault.COLLISION, b"\x07")),
        (b"\x00\x00", False, Garbled(b"\x00\x00", Fault.COLLISION, b"\x07")),
        (b"\xe5\xe5", False, Garbled(b"\xe5\xe5", Fault.COLLISION, b"\x07")),
        (WHOLE, False, Reply(MINE, b"", b"\x07")),
        (b"\xfc" + WHOLE, False, Reply(MINE, b"\xfc", b"\x07")),
        (WHOLE + b"\xfc", False, Garbled(WHOLE + b"\xfc", Fault.COLLISION, b"\x07")),
        (WHOLE * 2, False, Garbled(WHOLE * 2, Fault.COLLISION, b"\x07")),
        (WHOLE[:-1], False, Garbled(WHOLE[:-1], Fault.CUT_SHORT, b"\x07")),
        (FOREIGN, False, Garbled(FOREIGN, Fault.FOREIGN, b"\x07")),
        (b"\xa2", False, Garbled(b"\xa2", Fault.FOREIGN, b"\x07")),
        (WHOLE[:-2] + b"\x00\x16", False, Garbled(WHOLE[:-2] + b"\x00\x16", Fault.DAMAGED, b"\x07")),
        (b"\xfc\xfd", False, Garbled(b"\xfc\xfd", Fault.NOISE, b"\x07")),
    ],
)
def test_bytes_are_judged_by_what_was_asked(data: bytes, bad: bool, outcome: Outcome) -> None:
    assert judge(REQUEST, data, b"\x07", bad=bad) == outcome


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (b"\xe5", True),
        (b"\xa2", False),
        (WHOLE, True),
        (b"\xfc" + WHOLE, True),
        (WHOLE[:-1], False),
        (FOREIGN, False),
    ],
)
def test_nothing_is_missing_in_an_acknowledgement_and_in_a_response_of_the_slave_that_was_asked(
    data: bytes, complete: bool
) -> None:
    assert looks_complete(REQUEST, data, bad=False) is complete
    assert not looks_complete(REQUEST, data, bad=True)


def test_the_selected_slave_may_answer_with_any_address() -> None:
    assert judge(ShortFrame(0x7B, 0xFD), FOREIGN, b"", bad=False) == Reply(OTHERS)
