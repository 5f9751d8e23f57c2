"""Address, identity, reset, and what the writes have in common."""

from functools import partial

import pytest

from mbus.addressing import BROADCAST, SELECTED, SecondaryAddress
from mbus.application.commands import application_reset, synchronise
from mbus.errors import AddressError, EncodeError, NoAnswerError, RefusedError, VerificationError
from mbus.link.station import Stations
from mbus.link.transaction import Fault
from mbus.procedures.address import set_address, set_address_frames
from mbus.procedures.exchange import send
from mbus.procedures.identity import set_identity, set_identity_frames
from mbus.procedures.read import Target
from mbus.procedures.reset import reset_application, reset_frames
from mbus.procedures.write import write
from support.answers import (
    ACK,
    METER,
    NKE_5,
    NKE_FD,
    REQ_5_FCB1,
    REQ_FD_FCB1,
    SELECT,
    SILENCE,
    STRANGER,
    answer,
    refusal,
)
from support.script import Garbled, Script, play

RESET_5 = "68 03 03 68 73 05 50 C8 16"
TO_9 = "68 06 06 68 73 05 51 01 7A 09 4D 16"
TO_9_SELECTED = "68 06 06 68 73 FD 51 01 7A 09 45 16"
NKE_9 = "10 40 09 49 16"
REQ_9 = "10 7B 09 84 16"
NEW_ID = "68 09 09 68 73 05 51 0C 79 21 43 65 87 9E 16"
AT_9 = answer(address=9)
SELECT_STRANGER = "68 0B 0B 68 53 FD 52 21 43 65 87 2D 2C 35 04 84 16"

READ_5: Script = [(NKE_5, ACK), (REQ_5_FCB1, answer())]
FREE_9: Script = [(NKE_9, SILENCE)] * 3
FREE_IDENTITY: Script = [(SELECT_STRANGER, SILENCE)] * 3
READ_9: Script = [(NKE_9, ACK), (REQ_9, AT_9)]


def sent_by(frames: tuple[object, ...]) -> list[str]:
    return [frame.to_bytes().hex(" ").upper() for frame in frames if hasattr(frame, "to_bytes")]


def test_a_write_begins_with_initialisation_and_leaves_the_bit_in_doubt() -> None:
    stations = Stations()
    stations.initialised(5)
    play(write(5, partial(application_reset, fcb=True), stations), [(NKE_5, ACK), (RESET_5, ACK)])
    assert not stations.is_agreed(5)


def test_a_write_to_a_secondary_address_goes_to_the_selected_meter() -> None:
    script: Script = [(NKE_FD, SILENCE), (SELECT, ACK), ("68 03 03 68 73 FD 50 C0 16", ACK)]
    stations = Stations()
    play(write(METER, partial(application_reset, fcb=True), stations), script)
    assert not stations.is_agreed(SELECTED)


def test_a_write_without_acknowledgement_is_repeated_and_then_given_up() -> None:
    script: Script = [(NKE_5, ACK), (RESET_5, SILENCE), (RESET_5, SILENCE), (RESET_5, SILENCE)]
    with pytest.raises(NoAnswerError):
        play(write(5, partial(application_reset, fcb=True), Stations()), script)


def test_a_refused_write_says_why() -> None:
    with pytest.raises(RefusedError, match="CI field not implemented"):
        play(
            write(5, partial(application_reset, fcb=True), Stations()), [(NKE_5, ACK), (RESET_5, refusal(1))]
        )


def test_a_command_to_all_is_not_waited_for_and_voids_every_agreement() -> None:
    stations = Stations()
    stations.initialised(5)
    play(send(synchronise(BROADCAST), stations), [("68 03 03 68 53 FF 5C AE 16", SILENCE)])
    assert not stations.is_agreed(5)


@pytest.mark.parametrize(
    ("target", "frames"),
    [(5, [NKE_5, TO_9]), (METER, [NKE_FD, SELECT, TO_9_SELECTED])],
)
def test_the_frames_of_a_write_can_be_shown_without_sending_them(target: Target, frames: list[str]) -> None:
    assert sent_by(set_address_frames(target, 9)) == frames


def test_identity_and_reset_can_be_shown_too() -> None:
    assert sent_by(set_identity_frames(5, "87654321")) == [NKE_5, NEW_ID]
    assert sent_by(reset_frames(5)) == [NKE_5, RESET_5]


def test_a_new_address_is_proven_by_a_reading_there() -> None:
    script: Script = [*READ_5, *FREE_9, (NKE_5, ACK), (TO_9, ACK), *READ_9]
    reading = play(set_address(5, 9, Stations()), script)
    assert (reading.primary, reading.secondary) == (9, METER)


def test_a_meter_named_by_its_secondary_address_can_be_given_an_address() -> None:
    script: Script = [
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        (REQ_FD_FCB1, answer()),
        *FREE_9,
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        (TO_9_SELECTED, ACK),
        *READ_9,
    ]
    assert play(set_address(METER, 9, Stations()), script).primary == 9


def test_a_write_to_a_mask_reaches_only_the_meter_that_was_read() -> None:
    script: Script = [
        (NKE_FD, SILENCE),
        ("68 0B 0B 68 53 FD 52 FF FF 34 12 FF FF FF FF E2 16", ACK),
        (REQ_FD_FCB1, answer()),
        *FREE_9,
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        (TO_9_SELECTED, ACK),
        *READ_9,
    ]
    assert play(set_address(SecondaryAddress("1234FFFF"), 9, Stations()), script).primary == 9


def test_an_address_that_the_meter_has_is_not_written() -> None:
    assert play(set_address(5, 5, Stations()), READ_5).primary == 5


@pytest.mark.parametrize("taken", [ACK, Garbled(b"\xe5\xe5", Fault.COLLISION)])
def test_an_address_that_is_taken_is_refused_before_anything_is_written(taken: str | Garbled) -> None:
    script: Script = [*READ_5, (NKE_9, SILENCE), (NKE_9, taken)]
    with pytest.raises(AddressError, match="taken"):
        play(set_address(5, 9, Stations()), script)


def test_a_lost_acknowledgement_does_not_hide_that_the_meter_moved() -> None:
    script: Script = [*READ_5, *FREE_9, (NKE_5, ACK), *[(TO_9, SILENCE)] * 3, *READ_9]
    assert play(set_address(5, 9, Stations()), script).primary == 9


def test_an_acknowledged_change_that_did_not_happen_is_an_error() -> None:
    script: Script = [
        *READ_5,
        *FREE_9,
        (NKE_5, ACK),
        (TO_9, ACK),
        (NKE_9, SILENCE),
        (NKE_9, SILENCE),
        (REQ_9, SILENCE),
    ]
    with pytest.raises(VerificationError, match="nobody answers at address 9"):
        play(set_address(5, 9, Stations()), script)


def test_another_meter_at_the_new_address_is_an_error() -> None:
    stranger = answer(address=9, who=STRANGER)
    script: Script = [*READ_5, *FREE_9, (NKE_5, ACK), (TO_9, ACK), (NKE_9, ACK), (REQ_9, stranger)]
    with pytest.raises(VerificationError, match="87654321"):
        play(set_address(5, 9, Stations()), script)


@pytest.mark.parametrize("new", [251, 253, 254, 255])
def test_an_address_that_no_meter_may_own_sends_nothing(new: int) -> None:
    with pytest.raises(AddressError):
        play(set_address(5, new, Stations()), [])
    with pytest.raises(AddressError):
        set_address_frames(5, new)


def test_a_new_identification_is_proven_by_a_reading() -> None:
    script: Script = [
        *READ_5,
        *FREE_IDENTITY,
        (NKE_5, ACK),
        (NEW_ID, ACK),
        (NKE_5, ACK),
        (REQ_5_FCB1, answer(who=STRANGER)),
    ]
    assert play(set_identity(5, "87654321", Stations()), script).secondary == STRANGER


def test_a_meter_named_by_its_identity_is_looked_for_under_the_new_one() -> None:
    new = SecondaryAddress.from_text("876543212D2C3507")
    script: Script = [
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        (REQ_FD_FCB1, answer()),
        *[("68 0B 0B 68 53 FD 52 21 43 65 87 2D 2C 35 07 87 16", SILENCE)] * 3,
        (NKE_FD, SILENCE),
        (SELECT, ACK),
        ("68 0D 0D 68 73 FD 51 07 79 21 43 65 87 2D 2C 35 07 26 16", ACK),
        (NKE_FD, SILENCE),
        ("68 0B 0B 68 53 FD 52 21 43 65 87 2D 2C 35 07 87 16", ACK),
        (REQ_FD_FCB1, answer(who=new)),
    ]
    assert play(set_identity(METER, new, Stations()), script).secondary == new


def test_an_identity_that_did_not_change_is_an_error() -> None:
    script: Script = [*READ_5, *FREE_IDENTITY, (NKE_5, ACK), (NEW_ID, ACK), *READ_5]
    with pytest.raises(VerificationError, match="12345678"):
        play(set_identity(5, "87654321", Stations()), script)


@pytest.mark.parametrize("taken", [ACK, Garbled(b"\xe5\xe5", Fault.COLLISION)])
def test_an_identity_that_another_meter_has_is_refused_before_anything_is_written(
    taken: str | Garbled,
) -> None:
    script: Script = [*READ_5, *[(SELECT_STRANGER, taken)] * (1 if taken == ACK else 3)]
    with pytest.raises(AddressError, match="taken"):
        play(set_identity(5, "87654321", Stations()), script)


def test_an_identity_that_the_meter_has_is_not_written() -> None:
    assert play(set_identity(5, "12345678", Stations()), READ_5).secondary == METER


def test_an_identity_that_could_not_be_proven_is_not_written() -> None:
    script: Script = [(NKE_5, ACK), (REQ_5_FCB1, answer(who=None))]
    with pytest.raises(VerificationError, match="could not be proven"):
        play(set_identity(5, "87654321", Stations()), script)


def test_an_identity_with_letters_sends_nothing() -> None:
    with pytest.raises(EncodeError):
        play(set_identity(5, "8765432A", Stations()), [])


def test_a_reset_ends_with_a_fresh_reading() -> None:
    script: Script = [(NKE_5, ACK), (RESET_5, ACK), *READ_5]
    assert play(reset_application(5, Stations()), script).secondary == METER


def test_an_application_is_selected_by_its_sub_code() -> None:
    script: Script = [(NKE_5, ACK), ("68 04 04 68 73 05 50 50 18 16", ACK), *READ_5]
    play(reset_application(5, Stations(), subcode=0x50), script)
