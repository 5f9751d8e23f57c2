"""The slave's link rules against the golden bytes of MBUS.md 2.4, 3.2 and 12."""

from collections.abc import Sequence

import pytest

from mbus.addressing import SecondaryAddress
from mbus.link.frames import LongFrame, ShortFrame, parse_frame
from mbussim.meter import Traits
from mbussim.slave import Selection, Slave

METER = SecondaryAddress.from_text("123456782D2C3504")
ACK = b"\xe5"


class Counting:
    """A meter whose readings and telegrams are numbered."""

    def __init__(self, telegrams: int = 1) -> None:
        self.primary = 1
        self.secondary = METER
        self.traits = Traits()
        self.model = "counting"
        self.fabrication: str | None = "87654321"
        self.telegrams = telegrams
        self.readings = 0
        self.commands: list[LongFrame] = []
        self.waits: LongFrame | None = None
        self.acknowledges = True

    def reading(self, now: float) -> Sequence[LongFrame]:
        self.readings += 1
        return [
            LongFrame(0x08, self.primary, 0x78, bytes((self.readings, index)))
            for index in range(self.telegrams)
        ]

    def alarm(self, now: float) -> LongFrame | None:
        return self.waits

    def obey(self, command: LongFrame, now: float) -> bool:
        self.commands.append(command)
        return self.acknowledges


@pytest.fixture
def meter() -> Counting:
    return Counting()


@pytest.fixture
def slave(meter: Counting) -> Slave:
    return Slave(meter)


def say(slave: Slave, text: str) -> bytes | None:
    frame = parse_frame(bytes.fromhex(text))
    assert isinstance(frame, ShortFrame | LongFrame)
    selection = Selection.of(frame)
    return slave.hear(frame, 0.0) if selection is None else slave.select(selection)


def content(answer: bytes | None) -> tuple[int, int]:
    assert answer is not None
    frame = parse_frame(answer)
    assert isinstance(frame, LongFrame)
    return frame.data[0], frame.data[1]


NKE_1, NKE_FD, NKE_FE, NKE_FF = "1040014116", "1040FD3D16", "1040FE3E16", "1040FF3F16"
REQ_1_FCB0, REQ_1_FCB1 = "105B015C16", "107B017C16"
REQ_FD_FCB0, REQ_FD_FCB1 = "105BFD5816", "107BFD7816"
REQ_FE_FCB1 = "107BFE7916"
SELECT_ALL = "680B0B6853FD52FFFFFFFFFFFFFFFF9A16"
SELECT_ALL_FCB1 = "680B0B6873FD52FFFFFFFFFFFFFFFFBA16"
SELECT_ID = "680B0B6853FD5278563412FFFFFFFFB216"
SELECT_12 = "680B0B6853FD52FFFFFF12FFFFFFFFAD16"
SELECT_FULL = "680B0B6853FD52785634122D2C35044816"
SELECT_FABRICATION = "6811116853FD52FFFFFFFFFFFFFFFF0C78785634123216"


def test_it_acknowledges_its_initialisation_and_answers_a_request(slave: Slave) -> None:
    assert say(slave, NKE_1) == ACK
    assert content(say(slave, REQ_1_FCB1)) == (1, 0)


def test_it_is_silent_at_the_address_of_another(slave: Slave) -> None:
    assert say(slave, "1040024216") is None
    assert say(slave, "107B027D16") is None


def test_the_same_frame_count_bit_gets_the_same_answer_again(slave: Slave) -> None:
    say(slave, NKE_1)
    first = say(slave, REQ_1_FCB1)
    assert say(slave, REQ_1_FCB1) == first
    assert say(slave, REQ_1_FCB1) == first


def test_the_other_frame_count_bit_gets_a_fresh_reading(slave: Slave) -> None:
    say(slave, NKE_1)
    assert [content(say(slave, request)) for request in (REQ_1_FCB1, REQ_1_FCB0, REQ_1_FCB1)] == [
        (1, 0),
        (2, 0),
        (3, 0),
    ]


def test_after_initialisation_even_the_bit_that_was_last_is_new(slave: Slave) -> None:
    say(slave, REQ_1_FCB1)
    say(slave, NKE_1)
    assert content(say(slave, REQ_1_FCB1)) == (2, 0)


def test_toggled_bits_walk_through_the_telegrams_of_one_reading_and_then_begin_anew() -> None:
    slave = Slave(Counting(telegrams=3))
    requests = [REQ_1_FCB1, REQ_1_FCB0, REQ_1_FCB0, REQ_1_FCB1, REQ_1_FCB0]
    assert [content(say(slave, request)) for request in requests] == [(1, 0), (1, 1), (1, 1), (1, 2), (2, 0)]


def test_initialisation_in_mid_reading_starts_with_the_first_telegram() -> None:
    slave = Slave(Counting(telegrams=3))
    say(slave, REQ_1_FCB1)
    say(slave, REQ_1_FCB0)
    say(slave, NKE_1)
    assert content(say(slave, REQ_1_FCB1)) == (2, 0)


def test_a_command_ends_a_reading_in_progress() -> None:
    slave = Slave(Counting(telegrams=3))
    say(slave, REQ_1_FCB1)
    say(slave, "680303685301 50A416".replace(" ", ""))
    assert content(say(slave, REQ_1_FCB1)) == (2, 0)


@pytest.mark.parametrize("select", [SELECT_ALL, SELECT_ALL_FCB1, SELECT_ID, SELECT_12, SELECT_FULL])
def test_a_selection_that_fits_is_acknowledged_and_opens_address_fd(slave: Slave, select: str) -> None:
    assert say(slave, REQ_FD_FCB1) is None
    assert say(slave, select) == ACK
    assert content(say(slave, REQ_FD_FCB1)) == (1, 0)


def test_a_repeated_selection_is_acknowledged_again(slave: Slave) -> None:
    assert [say(slave, SELECT_ALL) for _ in range(3)] == [ACK] * 3


def test_a_selection_of_another_deselects_in_silence(slave: Slave) -> None:
    say(slave, SELECT_FULL)
    assert say(slave, "680B0B6853FD52FFFFFF2FFFFFFFFFCA16") is None
    assert say(slave, REQ_FD_FCB1) is None


@pytest.mark.parametrize("deselect", [NKE_FD, NKE_FF, "680B0B6853FD56FFFFFFFFFFFFFFFF9E16"])
def test_initialising_fd_or_all_and_the_old_selection_deselect(slave: Slave, deselect: str) -> None:
    say(slave, SELECT_FULL)
    say(slave, deselect)
    assert say(slave, REQ_FD_FCB1) is None


def test_only_the_selected_acknowledges_the_initialisation_of_fd(slave: Slave) -> None:
    assert say(slave, NKE_FD) is None
    say(slave, SELECT_FULL)
    assert say(slave, NKE_FD) == ACK


def test_a_selection_forgets_the_bit_of_fd_and_leaves_the_one_of_the_own_address(slave: Slave) -> None:
    say(slave, SELECT_FULL)
    say(slave, REQ_FD_FCB1)
    say(slave, REQ_1_FCB1)
    say(slave, SELECT_FULL)
    assert content(say(slave, REQ_FD_FCB1)) == (3, 0)
    assert content(say(slave, REQ_1_FCB1)) == (2, 0)


def test_the_selected_one_answers_with_its_own_primary_address(slave: Slave) -> None:
    say(slave, SELECT_FULL)
    answer = say(slave, REQ_FD_FCB1)
    assert answer is not None
    assert answer[5] == 1


def test_the_enhanced_selection_compares_the_fabrication_number(slave: Slave, meter: Counting) -> None:
    assert say(slave, SELECT_FABRICATION) is None
    meter.fabrication = "12345678"
    assert say(slave, SELECT_FABRICATION) == ACK
    meter.fabrication = None
    assert say(slave, SELECT_FABRICATION) is None


def test_a_hex_digit_in_an_identification_is_matched_by_itself_and_by_the_wildcard(meter: Counting) -> None:
    meter.secondary = SecondaryAddress("0500023E", 0x15B5, 0x10, 2)
    slave = Slave(meter)
    assert say(slave, SELECT_ALL) == ACK
    mask = LongFrame(0x73, 0xFD, 0x52, SecondaryAddress("FFFFFFFE").to_bytes())
    assert say(slave, mask.to_bytes().hex()) == ACK
    mask = LongFrame(0x73, 0xFD, 0x52, SecondaryAddress("FFFFFFF6").to_bytes())
    assert say(slave, mask.to_bytes().hex()) is None


def test_a_meter_of_the_fixed_structure_is_selected_by_its_identification_only(meter: Counting) -> None:
    meter.secondary = SecondaryAddress("12345678")
    slave = Slave(meter)
    assert say(slave, SELECT_ID) == ACK
    assert say(slave, SELECT_FULL) is None


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 7, b"\xff" * 9, b"\xff" * 8 + b"\x0c\x78\x00", b"\xff" * 8 + b"\x0c\x79\x00\x00\x00\x00"],
)
def test_a_selection_of_another_shape_fits_nobody(slave: Slave, data: bytes) -> None:
    say(slave, SELECT_FULL)
    assert say(slave, LongFrame(0x73, 0xFD, 0x52, data).to_bytes().hex()) is None
    assert say(slave, REQ_FD_FCB1) is None


def test_every_slave_answers_at_fe_and_none_at_ff(slave: Slave) -> None:
    assert say(slave, NKE_FE) == ACK
    assert content(say(slave, REQ_FE_FCB1)) == (1, 0)
    assert say(slave, NKE_FF) is None
    assert say(slave, "107BFF7A16") is None


def test_a_broadcast_command_is_obeyed_without_an_answer(slave: Slave, meter: Counting) -> None:
    assert say(slave, LongFrame(0x53, 0xFF, 0x5C).to_bytes().hex()) is None
    assert [command.ci for command in meter.commands] == [0x5C]


def test_a_repeated_command_is_acknowledged_and_not_carried_out_twice(slave: Slave, meter: Counting) -> None:
    command = "680606687301 51017A054516".replace(" ", "")
    assert say(slave, command) == ACK
    assert say(slave, command) == ACK
    assert len(meter.commands) == 1


def test_a_command_that_is_refused_gets_silence(slave: Slave, meter: Counting) -> None:
    meter.acknowledges = False
    assert say(slave, "6806066853015101 7A052516".replace(" ", "")) is None


def test_send_and_expect_is_answered_by_data(slave: Slave) -> None:
    assert content(say(slave, LongFrame(0x43, 1, 0x51, b"\x7f").to_bytes().hex())) == (1, 0)


def test_without_class_1_data_a_request_for_them_is_acknowledged(slave: Slave, meter: Counting) -> None:
    assert say(slave, "105A015B16") == ACK
    meter.waits = LongFrame(0x08, 9, 0x71, b"\x01")
    assert say(slave, "107A017B16") == LongFrame(0x08, 1, 0x71, b"\x01").to_bytes()


def test_the_status_of_the_link_is_told(slave: Slave) -> None:
    assert say(slave, "1049014A16") == bytes.fromhex("100B010C16")


def test_without_power_bits_and_selection_are_forgotten(slave: Slave) -> None:
    say(slave, SELECT_FULL)
    say(slave, REQ_1_FCB1)
    slave.lose_power()
    assert say(slave, REQ_FD_FCB1) is None
    assert content(say(slave, REQ_1_FCB1)) == (2, 0)


def test_a_stuck_frame_count_bit_repeats_the_first_telegram_for_ever() -> None:
    slave = Slave(Counting(telegrams=3))
    slave.is_stuck = True
    assert {say(slave, request) for request in (REQ_1_FCB1, REQ_1_FCB0) * 3} == {say(slave, REQ_1_FCB1)}
