"""Every arrow of the diagram in `mbus.link.transaction`, with times of 2400 baud counted from the start of the request."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbus.link import timing
from mbus.link.frames import LongFrame, ShortFrame
from mbus.link.transaction import (
    MAX_ANSWER,
    Ack,
    Expects,
    Fault,
    Garbled,
    Outcome,
    Reply,
    Silence,
    Timing,
    Transaction,
)

BAUD = 2400
LINE = Timing(BAUD)
REQUEST = ShortFrame(0x7B, 5)
TO_SELECTED = ShortFrame(0x7B, 0xFD)
SELECT = LongFrame(0x53, 0xFD, 0x52, b"\xff" * 8)
ANSWER = LongFrame(0x08, 5, 0x72, bytes(range(20)))
OTHER = LongFrame(0x08, 6, 0x72, bytes(range(20)))

SENT = timing.characters(5, BAUD)
"""When the wire has carried a short request."""
WINDOW = timing.answer_window(BAUD) + timing.characters(1, BAUD)
"""Until when the first character of an answer may be complete."""
IDLE = timing.idle(BAUD)
EPSILON = 1e-6


@dataclass
class Line:
    """Feeds a transaction in the order of time, as a driver would."""

    transaction: Transaction
    now: float = 0.0

    def transmitted(self, at: float = SENT) -> "Line":
        self._until(at)
        self.transaction.transmitted(at)
        return self

    def byte(self, data: bytes, at: float, *, bad: bool = False) -> "Line":
        self._until(at)
        self.transaction.received(data, at, bad=bad)
        return self

    def outcome(self) -> Outcome:
        while self.transaction.outcome is None:
            self._until(self.transaction.deadline)
        return self.transaction.outcome

    def ended(self) -> float:
        """Give the time of the outcome."""
        self.outcome()
        return self.now

    def _until(self, at: float) -> None:
        assert at < float("inf"), "a transaction that waits for nothing never ends"
        while self.transaction.outcome is None and self.transaction.deadline <= at:
            self.now = self.transaction.deadline
            self.transaction.expire(self.now)
        if self.transaction.outcome is None:
            self.now = at


def line(
    request: ShortFrame | LongFrame = REQUEST, expects: Expects = Expects.RESPONSE, timings: Timing = LINE
) -> Line:
    return Line(Transaction(request, expects, timings, 0.0))


def asked(request: ShortFrame | LongFrame = REQUEST, expects: Expects = Expects.RESPONSE) -> Line:
    """Give a line on which that request has just gone out."""
    return line(request, expects).transmitted(timing.characters(len(request.to_bytes()), BAUD))


def test_the_one_ack_is_an_acknowledgement_after_the_quiet_that_must_follow() -> None:
    run = asked(SELECT, Expects.ACK).byte(b"\xe5", 0.1)
    assert run.outcome() == Ack()
    assert run.now == pytest.approx(0.1 + IDLE)


def test_nothing_within_the_window_is_silence() -> None:
    run = asked()
    assert run.outcome() == Silence()
    assert run.now == pytest.approx(SENT + WINDOW)


def test_a_slave_that_uses_its_window_to_the_last_bit_is_heard() -> None:
    assert asked().byte(ANSWER.to_bytes(), SENT + WINDOW - EPSILON).outcome() == Reply(ANSWER)


def test_the_end_of_an_answer_is_known_by_its_length() -> None:
    run = asked().byte(ANSWER.to_bytes(), 0.2)
    assert run.outcome() == Reply(ANSWER)
    assert run.now == pytest.approx(0.2 + IDLE)


def test_an_answer_may_come_byte_by_byte() -> None:
    run, at = asked(), 0.1
    for octet in ANSWER.to_bytes():
        run.byte(bytes((octet,)), at)
        at += timing.characters(1, BAUD)
    assert run.outcome() == Reply(ANSWER)


def test_an_answer_may_pause_as_long_as_the_adapter_needs() -> None:
    data = ANSWER.to_bytes()
    run = asked().byte(data[:7], 0.1).byte(data[7:], 0.1 + LINE.longest_gap - EPSILON)
    assert run.outcome() == Reply(ANSWER)


def test_an_answer_that_stops_is_cut_short_after_the_gap() -> None:
    run = asked().byte(ANSWER.to_bytes()[:-1], 0.1)
    assert run.outcome() == Garbled(ANSWER.to_bytes()[:-1], Fault.CUT_SHORT)
    assert run.now == pytest.approx(0.1 + LINE.longest_gap)


def test_a_garbled_response_at_fd_ends_no_sooner_than_other_slaves_must_have_begun() -> None:
    run = asked(TO_SELECTED).byte(ANSWER.to_bytes()[:-1], SENT + 0.03)
    assert run.outcome() == Garbled(ANSWER.to_bytes()[:-1], Fault.CUT_SHORT)
    assert run.now == pytest.approx(SENT + WINDOW)


@pytest.mark.parametrize("bad", [True, False])
def test_behind_a_zero_at_fd_the_longest_answer_may_be_hidden(bad: bool) -> None:
    run = asked(TO_SELECTED).byte(b"\x00", SENT + 0.1, bad=bad)
    assert run.outcome() == Garbled(b"\x00", Fault.COLLISION)
    assert run.now == pytest.approx(SENT + WINDOW + timing.characters(261, BAUD))


def test_what_comes_behind_a_hidden_answer_ends_it_after_the_gap() -> None:
    run = asked(TO_SELECTED).byte(b"\x00", SENT + 0.1, bad=True).byte(b"\x41", SENT + 0.9, bad=True)
    assert run.outcome() == Garbled(b"\x00\x41", Fault.DAMAGED)
    assert run.now == pytest.approx(SENT + 0.9 + LINE.longest_gap)


def test_a_zero_from_a_slave_that_is_asked_alone_hides_nobody() -> None:
    assert asked().byte(b"\x00", 0.1, bad=True).ended() == pytest.approx(0.1 + LINE.longest_gap)


def test_a_stop_byte_inside_the_answer_does_not_end_it() -> None:
    frame = LongFrame(0x08, 5, 0x72, b"\x16" * 40)
    run, at = asked(), 0.1
    for octet in frame.to_bytes():
        run.byte(bytes((octet,)), at)
        at += timing.characters(1, BAUD)
    assert run.outcome() == Reply(frame)


def test_an_acknowledgement_to_a_request_for_data_is_told_as_such() -> None:
    assert asked().byte(b"\xe5", 0.1).outcome() == Ack()


def test_two_acknowledgements_are_a_collision() -> None:
    assert asked(SELECT, Expects.ACK).byte(b"\xe5", 0.1).byte(b"\xe5", 0.105).outcome() == Garbled(
        b"\xe5\xe5", Fault.COLLISION
    )


def test_a_byte_in_the_quiet_behind_an_answer_is_a_collision() -> None:
    data = ANSWER.to_bytes()
    run = asked().byte(data, 0.1).byte(b"\x42", 0.1 + IDLE - EPSILON)
    assert run.outcome() == Garbled(data + b"\x42", Fault.COLLISION)


def test_two_whole_answers_are_a_collision() -> None:
    both = ANSWER.to_bytes() + OTHER.to_bytes()
    assert asked(TO_SELECTED).byte(both, 0.1).outcome() == Garbled(both, Fault.COLLISION)


def test_an_answer_with_more_on_its_way_is_a_collision() -> None:
    data = ANSWER.to_bytes() + b"\x68\x05"
    assert asked().byte(data, 0.1).outcome() == Garbled(data, Fault.COLLISION)


@pytest.mark.parametrize("zeros", [b"\x00", bytes(5)])
def test_zeros_are_the_break_of_a_master_that_saw_a_collision(zeros: bytes) -> None:
    assert asked().byte(zeros, 0.1).outcome() == Garbled(zeros, Fault.COLLISION)
    assert asked().byte(zeros, 0.1, bad=True).outcome() == Garbled(zeros, Fault.COLLISION)


def test_no_bytes_are_no_answer() -> None:
    assert asked().byte(b"", 0.1, bad=True).outcome() == Silence()


def test_a_character_with_a_parity_error_damages_the_answer() -> None:
    data = ANSWER.to_bytes()
    run = asked().byte(data[:9], 0.1).byte(data[9:10], 0.11, bad=True).byte(data[10:], 0.12)
    assert run.outcome() == Garbled(data, Fault.DAMAGED)


def test_an_acknowledgement_with_a_parity_error_is_none() -> None:
    assert asked(SELECT, Expects.ACK).byte(b"\xe5", 0.1, bad=True).outcome() == Garbled(
        b"\xe5", Fault.DAMAGED
    )


def test_a_wrong_checksum_is_damage() -> None:
    data = bytearray(ANSWER.to_bytes())
    data[-2] ^= 0x01
    assert asked().byte(bytes(data), 0.1).outcome() == Garbled(bytes(data), Fault.DAMAGED)


def test_bytes_that_begin_no_frame_are_noise() -> None:
    assert asked().byte(b"\xfc\xfe", 0.1).outcome() == Garbled(b"\xfc\xfe", Fault.NOISE)


def test_an_e5_among_noise_proves_nobody() -> None:
    assert asked(SELECT, Expects.ACK).byte(b"\xfc\xe5", 0.1).outcome() == Garbled(b"\xfc\xe5", Fault.NOISE)


def test_the_negative_acknowledgement_is_an_answer_to_nothing_here() -> None:
    assert asked(SELECT, Expects.ACK).byte(b"\xa2", 0.1).outcome() == Garbled(b"\xa2", Fault.FOREIGN)


def test_noise_in_front_of_an_answer_is_skipped_and_told() -> None:
    run = asked().byte(b"\xfc", 0.1).byte(ANSWER.to_bytes(), 0.105)
    assert run.outcome() == Reply(ANSWER, noise=b"\xfc")


@pytest.mark.parametrize(
    "frame",
    [OTHER, ShortFrame(0x5B, 7), LongFrame(0x53, 5, 0x51, b"\x01\x7a\x05")],
    ids=["another meter's response", "another master's request", "another master's command"],
)
def test_a_sound_frame_that_answers_something_else_is_foreign(frame: ShortFrame | LongFrame) -> None:
    assert asked().byte(frame.to_bytes(), 0.1).outcome() == Garbled(frame.to_bytes(), Fault.FOREIGN)


def test_a_late_answer_of_another_meter_does_not_hide_the_right_one() -> None:
    run = asked().byte(OTHER.to_bytes(), 0.1).byte(ANSWER.to_bytes(), 0.14)
    assert run.outcome() == Reply(ANSWER, noise=OTHER.to_bytes())


@pytest.mark.parametrize("address", [0xFD, 0xFE])
def test_behind_selection_and_test_address_any_address_may_answer(address: int) -> None:
    assert asked(ShortFrame(0x7B, address)).byte(OTHER.to_bytes(), 0.1).outcome() == Reply(OTHER)


def test_bytes_before_the_request_is_out_belong_to_no_answer() -> None:
    run = line().byte(b"\xe5", SENT / 2).transmitted()
    assert run.outcome() == Silence(late=b"\xe5")
    run = line().byte(b"\xe5", SENT / 2).transmitted().byte(ANSWER.to_bytes(), 0.1)
    assert run.outcome() == Reply(ANSWER, late=b"\xe5")


def test_an_answer_that_overtakes_the_word_that_the_request_is_out_counts() -> None:
    run = line(SELECT, Expects.ACK)
    sent = timing.characters(17, BAUD)
    run.byte(b"\xe5", sent + timing.characters(2, BAUD)).transmitted(sent + 0.012)
    assert run.outcome() == Ack()


def test_a_transport_that_says_nothing_after_an_answer_does_not_hold_it_up() -> None:
    run = line(SELECT, Expects.ACK).byte(b"\xe5", 0.1)
    assert run.outcome() == Ack()
    run.transaction.transmitted(9.0)
    assert run.transaction.outcome == Ack()


def test_a_transport_that_hands_over_at_once_gives_the_wire_its_time() -> None:
    assert line().transmitted(0.001).ended() == pytest.approx(SENT + WINDOW)


def test_a_transport_that_drains_late_does_not_shorten_the_window() -> None:
    assert line().transmitted(0.5).ended() == pytest.approx(0.5 + WINDOW)


@pytest.mark.parametrize("pieces", [(17,), (5, 12), (1, 1, 15), (16, 1)])
@pytest.mark.parametrize("while_sending", [0, 1, 2])
def test_an_echo_is_recognised_however_it_is_cut(pieces: tuple[int, ...], while_sending: int) -> None:
    sent = timing.characters(17, BAUD)
    run, data, at = line(SELECT, Expects.ACK), SELECT.to_bytes(), sent - 0.02
    for index, size in enumerate(pieces):
        if index == while_sending:
            run.transmitted(sent)
            at = sent + 0.001
        run.byte(data[:size], at)
        data, at = data[size:], at + 0.002
    if while_sending >= len(pieces):
        run.transmitted(sent)
    assert run.byte(b"\xe5", sent + 0.1).outcome() == Ack()


def test_an_echo_alone_is_silence_at_the_end_of_the_whole_window() -> None:
    run = asked().byte(REQUEST.to_bytes()[:3], SENT + 0.001).byte(REQUEST.to_bytes()[3:], SENT + 0.002)
    assert run.outcome() == Silence()
    assert run.now == pytest.approx(SENT + 0.002 + WINDOW)


def test_an_echo_and_the_answer_may_come_in_one_piece() -> None:
    assert asked().byte(REQUEST.to_bytes() + ANSWER.to_bytes(), 0.1).outcome() == Reply(ANSWER)


def test_the_answer_can_be_watched_as_it_grows_but_no_echo_is_seen_in_it() -> None:
    run = asked().byte(REQUEST.to_bytes()[:2], SENT + 0.001)
    assert run.transaction.answer == b""
    run.byte(REQUEST.to_bytes()[2:] + b"\x68", SENT + 0.002)
    assert run.transaction.answer == b"\x68"
    run.byte(b"\x17", SENT + 0.003)
    assert run.transaction.answer == b"\x68\x17"


def test_a_late_byte_before_the_echo_stays_a_late_byte() -> None:
    run = line().byte(b"\xe5" + REQUEST.to_bytes()[:2], 0.01).transmitted()
    run.byte(REQUEST.to_bytes()[2:] + ANSWER.to_bytes(), 0.1)
    assert run.outcome() == Reply(ANSWER, late=b"\xe5")


def test_only_one_echo_is_taken_away() -> None:
    run = asked().byte(REQUEST.to_bytes() * 2, 0.1)
    assert run.outcome() == Garbled(REQUEST.to_bytes(), Fault.FOREIGN)


def test_a_broadcast_ends_as_soon_as_the_line_is_idle() -> None:
    run = asked(ShortFrame(0x40, 0xFF), Expects.NOTHING)
    assert run.outcome() == Silence()
    assert run.now == pytest.approx(SENT + IDLE)


def test_who_answers_a_broadcast_is_waited_out_and_not_heard() -> None:
    run = asked(ShortFrame(0x40, 0xFF), Expects.NOTHING).byte(b"\xe5", SENT + IDLE / 2)
    assert run.outcome() == Silence()
    assert run.now == pytest.approx(SENT + IDLE / 2 + IDLE)


def test_a_line_that_never_stops_is_given_up() -> None:
    run, at = asked(), SENT
    for _ in range(MAX_ANSWER):
        at += timing.characters(1, BAUD)
        run.byte(b"\x55", at)
    assert run.transaction.outcome is None
    assert run.byte(b"\x55", at + 0.001).outcome() == Garbled(b"\x55" * MAX_ANSWER, Fault.BABBLE)


def test_a_line_that_never_stops_while_sending_is_bounded() -> None:
    outcome = line().byte(bytes(10_000), SENT / 2).transmitted().outcome()
    assert outcome == Silence(late=bytes(MAX_ANSWER))


def test_an_allowance_lengthens_the_window_and_a_known_meter_replaces_it() -> None:
    assert line(timings=Timing(BAUD, allowance=0.5)).transmitted().ended() == pytest.approx(
        SENT + WINDOW + 0.5
    )
    ended = line(timings=Timing(BAUD, allowance=0.5, window=2.0)).transmitted().ended()
    assert ended == pytest.approx(SENT + 2.5 + timing.characters(1, BAUD))


def test_what_comes_after_the_outcome_changes_nothing() -> None:
    run = asked()
    assert run.outcome() == Silence()
    run.transaction.received(ANSWER.to_bytes(), run.now)
    run.transaction.expire(run.now + 1)
    assert run.transaction.outcome == Silence()
    assert run.transaction.deadline == float("inf")


def test_an_expiry_before_its_time_changes_nothing() -> None:
    run = asked()
    run.transaction.expire(SENT)
    assert run.transaction.outcome is None


@given(
    st.sampled_from(list(Expects)),
    st.sampled_from((REQUEST, TO_SELECTED, SELECT)),
    st.lists(
        st.tuples(
            st.one_of(
                st.binary(max_size=30),
                st.sampled_from((b"\xe5", ANSWER.to_bytes(), OTHER.to_bytes(), REQUEST.to_bytes())),
            ),
            st.floats(0, 0.3),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.floats(0, 0.5),
)
def test_whatever_comes_and_whenever_there_is_an_outcome(
    expects: Expects,
    request: ShortFrame | LongFrame,
    pieces: list[tuple[bytes, float, bool]],
    transmitted: float,
) -> None:
    run, at, told = line(request, expects), 0.0, False
    for data, later, bad in pieces:
        if not told and at + later >= transmitted:
            run.transmitted(transmitted)
            told = True
        at += later
        run.byte(data, at, bad=bad)
    if not told:
        run.transmitted(max(at, transmitted))
    outcome = run.outcome()
    if isinstance(outcome, Reply):
        assert request.address == 0xFD or outcome.frame.address == request.address
