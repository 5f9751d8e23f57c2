import pytest

from mbus.link.transaction import Fault
from mbus.procedures.exchange import BUSY_PAUSE
from mbusmaster.meterlist import Status
from mbusmaster.meterlist.diagnosis import Evidence, Manner, Wanted, conclude, examine
from support.answers import (
    ACK,
    METER,
    NKE_5,
    NKE_FD,
    REQ_5_FCB1,
    REQ_FD_FCB1,
    SILENCE,
    STRANGER,
    answer,
)
from support.script import Garbled, Line, Pause, play

SELECT = "68 0B 0B 68 73 FD 52 78 56 34 12 2D 2C 35 04 68 16"
BOTH = Wanted(METER, 5)
AT_5 = Wanted(METER, 5, by_primary=True)
ONCE = Manner(1)


def heard(who: Wanted, *script: Line, manner: Manner = ONCE) -> Evidence:
    return play(examine(who, manner), script)


def test_a_meter_that_answers_its_selection_answers() -> None:
    evidence = heard(BOTH, (SELECT, ACK), (REQ_FD_FCB1, answer()))
    assert (evidence.status, evidence.remark) == (Status.ANSWERS, "")
    assert evidence.sighting is not None
    assert evidence.sighting.secondary == METER


def test_silence_is_believed_after_all_tries_and_at_the_last_waited_for_longer() -> None:
    script: list[Line] = [(SELECT, SILENCE)] * 3
    assert heard(Wanted(METER, None), *script, manner=Manner(2, 3.0)).status is Status.SILENT


def test_a_meter_that_needs_a_second_try_answers_with_a_remark() -> None:
    script: list[Line] = [(SELECT, SILENCE), (SELECT, ACK), (REQ_FD_FCB1, answer())]
    evidence = heard(BOTH, *script, manner=Manner(2))
    assert evidence.status is Status.ANSWERS
    assert "asked again" in evidence.remark


def test_acknowledgements_without_data_are_told_after_the_pause_for_busy_meters() -> None:
    evidence = heard(
        BOTH, (SELECT, ACK), (REQ_FD_FCB1, ACK), Pause(BUSY_PAUSE), (REQ_FD_FCB1, SILENCE), (NKE_FD, SILENCE)
    )
    assert evidence.status is Status.ACKNOWLEDGES
    evidence = heard(
        BOTH, (SELECT, ACK), (REQ_FD_FCB1, ACK), Pause(BUSY_PAUSE), (REQ_FD_FCB1, ACK), (NKE_FD, ACK)
    )
    assert evidence.status is Status.ACKNOWLEDGES


def test_several_acknowledgements_are_a_collision() -> None:
    evidence = heard(
        BOTH,
        (SELECT, Garbled(b"\xe5\xe5", Fault.COLLISION)),
        (REQ_FD_FCB1, Garbled(b"\x68\x00", Fault.DAMAGED)),
        (NKE_FD, ACK),
    )
    assert evidence.status is Status.COLLISION


def test_a_reading_that_comes_in_place_of_an_acknowledgement_is_no_answer() -> None:
    evidence = heard(BOTH, (SELECT, answer()), (REQ_FD_FCB1, SILENCE), (NKE_FD, ACK))
    assert evidence.status is Status.GARBLED
    assert "too late" in evidence.remark


def test_another_meter_in_its_place_is_a_wrong_address_and_says_whose() -> None:
    evidence = heard(BOTH, (SELECT, ACK), (REQ_FD_FCB1, answer(who=STRANGER)), (NKE_FD, ACK))
    assert evidence.status is Status.WRONG_ADDRESS
    assert str(STRANGER) in evidence.remark


def test_a_meter_without_identity_is_taken_with_a_remark() -> None:
    evidence = heard(BOTH, (SELECT, ACK), (REQ_FD_FCB1, answer(who=None)))
    assert evidence.status is Status.ANSWERS
    assert "does not say who" in evidence.remark


def test_a_meter_that_cannot_be_selected_may_answer_at_its_primary_address() -> None:
    evidence = heard(BOTH, (SELECT, SILENCE), (NKE_5, ACK), (REQ_5_FCB1, answer()))
    assert evidence.status is Status.ANSWERS
    assert "primary address only" in evidence.remark


def test_another_meter_at_its_primary_address_counts_only_where_that_was_what_the_scan_was_about() -> None:
    script: list[Line] = [(SELECT, SILENCE), (NKE_5, ACK), (REQ_5_FCB1, answer(who=STRANGER))]
    assert heard(BOTH, *script).status is Status.SILENT
    assert heard(AT_5, *script).status is Status.WRONG_ADDRESS


def test_a_meter_that_is_selected_and_silent_at_its_address_says_so() -> None:
    script: list[Line] = [(SELECT, ACK), (REQ_FD_FCB1, answer())]
    evidence = heard(AT_5, *script, (NKE_5, SILENCE), (REQ_5_FCB1, SILENCE))
    assert evidence.status is Status.ANSWERS
    assert "secondary address only" in evidence.remark
    evidence = heard(AT_5, *script, (NKE_5, ACK), (REQ_5_FCB1, answer()))
    assert (evidence.status, evidence.remark) == (Status.ANSWERS, "")


def test_a_primary_address_at_which_several_acknowledge_is_a_collision() -> None:
    evidence = heard(
        Wanted(None, 5),
        (NKE_5, Garbled(b"\xe5\xe5", Fault.COLLISION)),
        (REQ_5_FCB1, Garbled(b"\x68\x00", Fault.DAMAGED)),
    )
    assert evidence.status is Status.COLLISION


@pytest.mark.parametrize(
    ("first", "second", "status", "rate"),
    [
        (Status.ANSWERS, Status.SILENT, Status.ANSWERS, 2400),
        (Status.SILENT, Status.ANSWERS, Status.OTHER_BAUD, 9600),
        (Status.GARBLED, Status.ANSWERS, Status.OTHER_BAUD, 9600),
        (Status.GARBLED, Status.SILENT, Status.GARBLED, None),
        (Status.SILENT, Status.GARBLED, Status.SILENT, None),
    ],
)
def test_the_verdict_comes_from_all_rates(
    first: Status, second: Status, status: Status, rate: int | None
) -> None:
    sighting = heard(BOTH, (SELECT, ACK), (REQ_FD_FCB1, answer())).sighting
    evidence = [
        (baud, Evidence(seen, "", sighting if seen is Status.ANSWERS else None))
        for baud, seen in ((2400, first), (9600, second))
    ]
    verdict = conclude(2400, evidence)
    assert (verdict.status, verdict.answered_at) == (status, rate)
    assert (2400 in verdict.silent_at) == (first is not Status.ANSWERS)
